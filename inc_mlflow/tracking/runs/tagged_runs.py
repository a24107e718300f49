"""Runs: the tags they are found by, created once though answers get lost, and filled in one call."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from inc_mlflow.tracking.server.get_or_create import get_or_create

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

KEY, MODEL_ID, PARENT = "inc.key", "inc.model_id", "mlflow.parentRunId"
DIGEST, NOTE, ROLE, SESSION, VERDICT = (
    "inc.sha256",
    "mlflow.note.content",
    "inc.role",
    "inc.session",
    "inc.verdict",
)
POOL, RECIPE, ENGINE = "inc.pool", "inc.recipe", "inc.engine"
METRICS = "inc.metrics"
"""On a job's run: the MLflow metrics that show its own, as JSON."""
JOB, BASELINE, CANDIDATE, MEASUREMENT = "job", "baseline", "candidate", "measurement"
REJECTED = "rejected"
"""Roles."""


def ensure_run(
    client: "MlflowClient", experiment_id: str, key: str, name: str, tags: Mapping[str, str]
) -> "Run":
    """Return the live run of a key, created once with ``tags`` and those of MLflow's context providers."""
    from mlflow.tracking.context.registry import resolve_tags

    return get_or_create(
        lambda: _find(client, experiment_id, key),
        lambda: client.create_run(experiment_id, tags=resolve_tags({KEY: key, **tags}), run_name=name),
    )


def fill_run(
    client: "MlflowClient",
    run: "Run",
    *,
    params: Mapping[str, str] | None = None,
    numbers: Mapping[str, float] | None = None,
    of_model: Mapping[str, float] | None = None,
    model_id: str | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Send everything in one call; ``of_model`` are metrics of the logged model ``model_id`` too.

    All metrics have the run's own start as their time, so sending them again makes no second points.
    """
    from mlflow.entities import Metric, Param, RunTag

    time = run.info.start_time
    metrics = [Metric(name, value, time, 0) for name, value in (numbers or {}).items()]
    metrics += [Metric(name, value, time, 0, model_id=model_id) for name, value in (of_model or {}).items()]
    client.log_batch(
        run.info.run_id,
        metrics=metrics,
        params=[Param(name, value) for name, value in (params or {}).items()],
        tags=[RunTag(name, value) for name, value in (tags or {}).items()],
    )


def is_run_finished(run: "Run") -> bool:
    """Tell whether a run is complete: that status is the last thing it gets."""
    return bool(run.info.status == "FINISHED")


def _find(client: "MlflowClient", experiment_id: str, key: str) -> "Run | None":
    """Return the oldest live run of a key: two processes at once may have made two."""
    runs = client.search_runs([experiment_id], f"tags.`{KEY}` = '{key}'")
    return min(runs, key=lambda run: (run.info.start_time, run.info.run_id), default=None)
