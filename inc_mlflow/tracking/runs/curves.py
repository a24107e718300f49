"""Curves of a training as metrics of its run, one point for each epoch."""

from typing import TYPE_CHECKING

from inc_mlflow.records.training import TrainingFacts

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

_PREFIX = "training"


def log_curves(client: "MlflowClient", run: "Run", facts: TrainingFacts) -> None:
    """Log loss, learning rate, score and distance by the training's steps, and what was chosen as params.

    All points have the run's own start as their time, so sending them again makes no second ones.
    """
    from mlflow.entities import Metric, Param

    numbers = [
        Metric(f"{_PREFIX}/{name}", value, run.info.start_time, point.step)
        for point in facts.points
        for name, value in (
            ("loss", point.loss),
            ("learning_rate", point.learning_rate),
            ("score", point.score),
            ("distance", point.distance),
        )
        if value is not None
    ]
    about = {"loss": facts.loss, "seed": facts.seed, "threads": facts.threads, "torch": facts.torch}
    chosen = {"chosen_epoch": facts.chosen, "ended": facts.ended, "rows": facts.rows}
    if facts.zeros is not None:
        chosen["zeros"] = facts.zeros
    params = [Param(f"{_PREFIX}.{name}", str(value)) for name, value in (about | chosen).items()]
    client.log_batch(run.info.run_id, metrics=numbers, params=params)
