"""sharded: int8 with calibration and evaluation split over pods, each with every n-th batch of the rows."""

from typing import TYPE_CHECKING, Any

from kfp import dsl

from inc_mlflow.pipelines.common import Models, judge_and_promote, measure, promotion
from inc_mlflow.pipelines.graph import Graph, Tasks
from inc_mlflow.pipelines.stages import quantize, train_stages
from inc_mlflow.records import Shard

if TYPE_CHECKING:
    from kfp.dsl.graph_component import GraphComponent


def sharded(graph: Graph) -> "GraphComponent":
    """Build the pipeline of one job with the graph's number of shards."""
    ending = promotion(graph)

    def body(tasks: Tasks) -> None:
        pool = graph.spec.pool
        with tasks.closing_runs():
            baseline = tasks("import_model").outputs["baseline"]
            champion = tasks("fetch_champion").outputs["champion"]
            ranges, stages = _ranges(tasks, pool, baseline), train_stages(tasks, pool, baseline)
            candidates = quantize(tasks, pool, baseline, ranges, stages)
            models = {"baseline": baseline, "champion": champion, "candidates": candidates}
            judge_and_promote(tasks, models, measure(tasks, models, _evaluate), ending)

    return graph.pipeline(body, "sharded", "int8 with calibration and evaluation split over pods.")


def _ranges(tasks: Tasks, pool: str, baseline: Any) -> Any:
    with _each(tasks) as shard:
        part = tasks("calibrate_shard", pool, baseline=baseline, shard=shard)
    return tasks("merge_ranges", pool, shards=dsl.Collected(part.outputs["ranges"])).outputs["ranges"]


def _evaluate(tasks: Tasks, pool: str, models: Models) -> dsl.PipelineTask:
    with _each(tasks) as shard:
        part = tasks("evaluate_shard", pool, shard=shard, **models)
    return tasks("merge_evaluations", pool, shards=dsl.Collected(part.outputs["kept"]))


def _each(tasks: Tasks) -> dsl.ParallelFor:
    """Make the tasks inside once for each shard, all at a time."""
    count = tasks.graph.shards
    return dsl.ParallelFor([str(shard) for shard in Shard.all(count)], parallelism=count)
