"""cross_hardware: several pools make candidates; all pools measure all of them."""

from typing import TYPE_CHECKING, Any

from inc_mlflow.pipelines.common import judge_and_promote, measure, promotion
from inc_mlflow.pipelines.graph import Graph, Tasks
from inc_mlflow.pipelines.stages import quantize, train_stages

if TYPE_CHECKING:
    from kfp.dsl.graph_component import GraphComponent


def cross_hardware(graph: Graph) -> "GraphComponent":
    """Build the pipeline of one job: each pool of ``search.pools`` makes candidates, each measures all."""
    ending = promotion(graph)

    def body(tasks: Tasks) -> None:
        with tasks.closing_runs():
            baseline = tasks("import_model").outputs["baseline"]
            champion = tasks("fetch_champion").outputs["champion"]
            models = {"baseline": baseline, "champion": champion, "candidates": _candidates(tasks, baseline)}
            judge_and_promote(tasks, models, measure(tasks, models), ending)

    says = "Find INT8 candidates on several kinds of hardware; judge them on all of them."
    return graph.pipeline(body, "cross-hardware", says)


def _candidates(tasks: Tasks, baseline: Any) -> Any:
    """Quantise on each of the pools, with ranges that the first one collected, and merge the candidates."""
    pools = tasks.graph.spec.searching_pools
    ranges = tasks("calibrate", pools[0], baseline=baseline).outputs["ranges"]
    stages = train_stages(tasks, pools[0], baseline)
    found = [quantize(tasks, pool, baseline, ranges, stages) for pool in pools]
    return (
        tasks.numbered("merge_candidates", "found", found).outputs["candidates"]
        if len(found) > 1
        else found[0]
    )
