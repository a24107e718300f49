"""int8: one model from source to a judged, logged and, if it earned it, promoted INT8 model."""

from typing import TYPE_CHECKING

from kfp import dsl

from inc_mlflow.pipelines.common import judge_and_promote, measure, promotion
from inc_mlflow.pipelines.graph import Graph
from inc_mlflow.pipelines.stages import quantize, train_stages

if TYPE_CHECKING:
    from kfp.dsl.graph_component import GraphComponent


def int8(graph: Graph) -> "GraphComponent":
    """Build the pipeline of one job: candidates are made on its first pool and measured on all of them."""
    ending = promotion(graph)

    @dsl.pipeline(
        name="int8", description="Calibrate, quantise, evaluate, benchmark, judge and promote one model."
    )
    def int8(job: str, root: str = ".", tracking_uri: str = "") -> None:
        """Run one job; ``job`` is its canonical text, ``root`` where its relative paths start."""
        tasks, pool = graph.tasks(job, root, tracking_uri), graph.spec.pool
        with tasks.closing_runs():
            baseline = tasks("import_model").outputs["baseline"]
            champion = tasks("fetch_champion").outputs["champion"]
            ranges = tasks("calibrate", pool, baseline=baseline).outputs["ranges"]
            stages = train_stages(tasks, pool, baseline)
            candidates = quantize(tasks, pool, baseline, ranges, stages)
            models = {"baseline": baseline, "champion": champion, "candidates": candidates}
            judge_and_promote(tasks, models, measure(tasks, models), ending)

    return int8
