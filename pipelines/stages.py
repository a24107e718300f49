"""The stages of a job's chains as tasks, and the task that makes candidates of what they leave."""

from typing import Any

from inc_mlflow.pipelines.graph import Tasks
from inc_mlflow.spec.stages import stages_of


def train_stages(tasks: Tasks, pool: str, baseline: Any) -> list[Any]:
    """Make a task of each stage; return what those leave with which recipes go on.

    A stage that two chains share is one task.
    """
    made, ends = {0: baseline}, []
    for stage in stages_of(tasks.graph.spec.listed):
        inputs = {"baseline": baseline, "previous": made[stage.previous], "stage": str(stage.number)}
        made[stage.number] = tasks("train", pool, **inputs).outputs["trained"]
        if stage.ends:
            ends.append(made[stage.number])
    return ends


def quantize(tasks: Tasks, pool: str, baseline: Any, ranges: Any, stages: list[Any]) -> Any:
    """Make the task that makes candidates, and return them."""
    inputs = {"baseline": baseline, "ranges": ranges, "pool": pool}
    return tasks.numbered("quantize", "stage", stages, **inputs).outputs["candidates"]
