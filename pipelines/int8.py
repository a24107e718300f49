"""int8: one model from source to a judged, logged and, if it earned it, promoted INT8 model."""

from typing import TYPE_CHECKING

from inc_mlflow.pipelines.common import judge_and_promote, measure, promotion
from inc_mlflow.pipelines.graph import Graph, Tasks
from inc_mlflow.pipelines.stages import quantize, train_stages

if TYPE_CHECKING:
    from kfp.dsl.graph_component import GraphComponent


def int8(graph: Graph) -> "GraphComponent":
    """Build the pipeline of one job: candidates are made on its first pool and measured on all of them."""
    ending = promotion(graph)

    def body(tasks: Tasks) -> None:
        pool = graph.spec.pool
        with tasks.closing_runs():
            baseline = tasks("import_model").outputs["baseline"]
            champion = tasks("fetch_champion").outputs["champion"]
            ranges = tasks("calibrate", pool, baseline=baseline).outputs["ranges"]
            stages = train_stages(tasks, pool, baseline)
            candidates = quantize(tasks, pool, baseline, ranges, stages)
            models = {"baseline": baseline, "champion": champion, "candidates": candidates}
            judge_and_promote(tasks, models, measure(tasks, models), ending)

    return graph.pipeline(
        body, "int8", "Calibrate, quantise, evaluate, benchmark, judge and promote one model."
    )
