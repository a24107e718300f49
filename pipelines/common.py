"""The end of all pipelines: measure on every pool, judge, log, and promote what passed."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kfp import dsl

from inc_mlflow.pipelines.graph import Graph, Tasks

if TYPE_CHECKING:
    from kfp.dsl.graph_component import GraphComponent

Models = dict[str, Any]
"""Baseline, present champion and candidates."""


def evaluate(tasks: Tasks, pool: str, models: Models) -> dsl.PipelineTask:
    """Evaluate all models on a pool in one task."""
    return tasks("evaluate", pool, **models)


def measure(
    tasks: Tasks, models: Models, evaluate: Callable[[Tasks, str, Models], dsl.PipelineTask] = evaluate
) -> list[Any]:
    """Evaluate all models on every pool and benchmark them where speed counts.

    Nothing else runs while speed is measured.
    """
    records = []
    for pool in tasks.graph.spec.real_pools:
        evaluated = evaluate(tasks, pool, models)
        records.append(evaluated.outputs["evaluation"])
        if tasks.graph.spec.timed(pool):
            records.append(tasks("benchmark", pool, **models).after(evaluated).outputs["speed"])
    return records


def judge_and_promote(tasks: Tasks, models: Models, records: list[Any], ending: "GraphComponent") -> None:
    """Judge the records of all pools, log everything, and promote the best candidate if it passes.

    ``ending`` is this job's ``promotion``, made before the pipeline begins: KFP builds one at a time.
    """
    judged = tasks.numbered("gate", "record", records, **models)
    judgement = judged.outputs["judgement"]
    inputs = {"baseline": models["baseline"], "candidates": models["candidates"], "judgement": judgement}
    tracking = tasks.numbered("track", "record", records, **inputs).outputs["tracking"]
    parameters = {name: tasks.parameters[name] for name in ("job", "root", "tracking_uri")}
    verdict, champion = judged.outputs["verdict"], models["champion"]
    ending(verdict=verdict, champion=champion, judgement=judgement, tracking=tracking, **parameters)


def promotion(graph: Graph) -> "GraphComponent":
    """Build the graph that stands under the verdict.

    It is a pipeline of its own: KFP's local runner takes a condition on another task's output for false,
    unless that output is called ``Output``. A condition on a pipeline's input works everywhere.
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
        """Promote, or ask for it, where the verdict is pass."""
        tasks = graph.tasks(job, root, tracking_uri)
        with dsl.If(verdict == "pass", name="passed"):
            # On a cluster pipelines may only request: the gate promotes under an identity of its own.
            step = "promote" if graph.inline else "request"
            tasks(step, champion=champion, judgement=judgement, tracking=tracking)

    return promotion
