"""Put a task on its pool."""

from kfp import dsl

from inc_mlflow.spec import PoolSpec


def place(task: dsl.PipelineTask, pool: str, hardware: PoolSpec, alone: bool = False) -> dsl.PipelineTask:
    """Give a task its pool."""
    return task
