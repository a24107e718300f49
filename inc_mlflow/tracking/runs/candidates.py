"""Child runs of a job for each line of its table: baselines, candidates, and recipes without a candidate."""

from typing import TYPE_CHECKING

from inc_mlflow.records import RejectedRecipe, Row
from inc_mlflow.tracking.flavors.logged_models import ensure_model, find_logged
from inc_mlflow.tracking.runs.curves import log_curves
from inc_mlflow.tracking.runs.execution import ExecutionLog
from inc_mlflow.tracking.runs.metric_verdicts import verdict_tag
from inc_mlflow.tracking.runs.notes import row_note
from inc_mlflow.tracking.runs.numbers import pool_metrics, row_metrics
from inc_mlflow.tracking.runs.tagged_runs import (
    BASELINE,
    CANDIDATE,
    DIGEST,
    ENGINE,
    MODEL_ID,
    NOTE,
    RECIPE,
    REJECTED,
    ROLE,
    VERDICT,
    fill_run,
    is_run_finished,
)

if TYPE_CHECKING:
    from mlflow.entities import Run


def log_candidate(log: ExecutionLog, row: Row) -> tuple[str, str]:
    """Return run id and logged-model id of a row of the table; an incomplete run is completed."""
    run = log.child(_role(row), row.recipe, row.recipe)
    if is_run_finished(run):
        return str(run.info.run_id), str(run.data.tags[MODEL_ID])
    return str(run.info.run_id), _fill(log, run, row)


def log_rejected(log: ExecutionLog, recipe: RejectedRecipe) -> None:
    """Log a recipe that gave no candidate: a run with the reason, and nothing to measure or promote."""
    run = log.child(REJECTED, recipe.label, recipe.label)
    if is_run_finished(run):
        return
    about = {RECIPE: recipe.label, ENGINE: recipe.engine, VERDICT: "fail"}
    fill_run(log.client, run, params=about, tags=about | {NOTE: f"fail: {recipe.reason}"})
    if recipe.details:
        log.client.log_text(run.info.run_id, recipe.details, "why_rejected.txt")
    log.client.set_terminated(run.info.run_id, "FINISHED")


def _fill(log: ExecutionLog, run: "Run", row: Row) -> str:
    """Log params, model and metrics in this order; return the model's id.

    A model takes the params of its run, and metrics must name the model. A model that another run logged
    keeps that run's metrics.
    """
    import mlflow

    tags = _tags(log, row)
    with mlflow.start_run(run_id=run.info.run_id):
        params = log.execution.facts() | {RECIPE: row.recipe, ENGINE: row.engine, DIGEST: row.sha256}
        fill_run(log.client, run, params=params)
        others = _logged_before(log, run, row)
        model_id = others or _own_model(log, run, row, tags)
        if row.sha256 in log.execution.training:
            log_curves(log.client, run, log.execution.training[row.sha256])
        for name, text in log.execution.texts.get(row.sha256, {}).items():
            log.client.log_text(run.info.run_id, text, name)
        fill_run(
            log.client,
            run,
            numbers=row_metrics(
                row, log.execution.pools[log.execution.slowest(row)], log.execution.standing(row)
            ),
            of_model={} if others else _on_pools(log, row),
            model_id=model_id,
            tags=tags | {MODEL_ID: model_id},
        )
    return model_id


def _logged_before(log: ExecutionLog, run: "Run", row: Row) -> str | None:
    """Return the model of these bytes that another run logged.

    That is the champion's, or for the baseline any of this experiment.
    """
    if known := log.execution.logged.get(row.sha256):
        return known
    found = find_logged(log.client, log.experiment_id, row.sha256) if _role(row) == BASELINE else None
    return found if found and log.client.get_logged_model(found).source_run_id != run.info.run_id else None


def _own_model(log: ExecutionLog, run: "Run", row: Row, tags: dict[str, str]) -> str:
    execution = log.execution
    interface, file = execution.interfaces[row.engine], execution.files[row.sha256]
    return ensure_model(log.client, run, file, interface, row.recipe, row.sha256, tags)


def _on_pools(log: ExecutionLog, row: Row) -> dict[str, float]:
    """Return metrics named ``<pool>/<name>``: a model has those of all pools side by side."""
    execution = log.execution
    found = {
        pool: pool_metrics(row, pool, execution.pools[pool], execution.standing(row, pool))
        for pool in row.per_pool
    }
    return {f"{pool}/{name}": value for pool, numbers in found.items() for name, value in numbers.items()}


def _tags(log: ExecutionLog, row: Row) -> dict[str, str]:
    note = row_note(log.execution.judgement, row, log.parent)
    verdict = {} if row.verdict is None else {VERDICT: row.verdict}
    return (
        {
            ROLE: _role(row),
            RECIPE: row.recipe,
            ENGINE: row.engine,
            DIGEST: row.sha256,
            NOTE: note,
        }
        | verdict
        | verdict_tag(row.metrics)
    )


def _role(row: Row) -> str:
    return BASELINE if row.verdict is None else CANDIDATE
