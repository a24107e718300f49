"""What all pipelines end with: measure on every pool, judge, log, and promote what passed."""

from typing import TYPE_CHECKING, Any

from kfp import dsl

from inc_mlflow.pipelines.graph import Graph, Tasks

if TYPE_CHECKING:
    from kfp.dsl.graph_component import GraphComponent

Models = dict[str, Any]
"""Baseline, present champion and candidates."""


def measure(tasks: Tasks, models: Models) -> list[Any]:
    """Evaluate all models on every pool and benchmark them where speed counts; nothing else runs while speed is measured."""
    records = []
    for pool in tasks.graph.spec.real_pools:
        evaluated = tasks("evaluate", pool, **models)
        records.append(evaluated.outputs["evaluation"])
        if tasks.graph.spec.timed(pool):
            records.append(tasks("benchmark", pool, **models).after(evaluated).outputs["speed"])
    return records


def conclude(tasks: Tasks, models: Models, records: list[Any], ending: "GraphComponent") -> None:
    """Judge by the records of all pools, log everything, and promote the best candidate if the verdict is pass.

    ``ending`` is this job's ``promotion``, made before the pipeline begins: KFP builds one at a time.
    """
    judged = tasks.numbered("gate", "record", records, **models)
    judgement = judged.outputs["judgement"]
    inputs = {"baseline": models["baseline"], "candidates": models["candidates"], "judgement": judgement}
    tracking = tasks.numbered("track", "record", records, **inputs).outputs["tracking"]
    ending(
        verdict=judged.outputs["verdict"],
        champion=models["champion"],
        judgement=judgement,
        tracking=tracking,
        **tasks.parameters,
    )


def promotion(graph: Graph) -> "GraphComponent":
    """Build the graph that stands under the verdict.

    It is a pipeline of its own since KFP's local runner takes a condition on another task's output for false, unless
    that is called ``Output``: on an input it works everywhere.
    """

    @dsl.pipeline(name="promotion")
    def promotion(
        verdict: str,
        job: str,
        root: str,
        tracking_uri: str,
        champion: dsl.Input[dsl.Model],
        judgement: dsl.Input[dsl.Artifact],
        tracking: dsl.Input[dsl.Artifact],
    ) -> None:
        """Promote where the verdict is pass."""
        tasks = graph.tasks(job, root, tracking_uri)
        with dsl.If(verdict == "pass", name="passed"):
            tasks("promote", champion=champion, judgement=judgement, tracking=tracking)

    return promotion
