"""Children of a job with a model each: the baseline's, and every candidate's."""

from typing import TYPE_CHECKING

from inc_mlflow.records import Row
from inc_mlflow.tracking.flavors.logged_models import ensure_model, find_logged
from inc_mlflow.tracking.runs.execution import Log
from inc_mlflow.tracking.runs.notes import row_note
from inc_mlflow.tracking.runs.numbers import of_pool, of_row
from inc_mlflow.tracking.runs.tagged_runs import (
    BASELINE,
    CANDIDATE,
    DIGEST,
    ENGINE,
    MODEL_ID,
    NOTE,
    RECIPE,
    ROLE,
    VERDICT,
    is_finished,
    write,
)

if TYPE_CHECKING:
    from mlflow.entities import Run


def log_candidate(log: Log, row: Row) -> tuple[str, str]:
    """Return run and logged-model id of one row of the table; what a kill left half-way is completed."""
    run = log.child(_role(row), row.recipe, row.recipe)
    if is_finished(run):
        return str(run.info.run_id), str(run.data.tags[MODEL_ID])
    return str(run.info.run_id), _fill(log, run, row)


def _fill(log: Log, run: "Run", row: Row) -> str:
    """Log params, model and metrics in this order: a model takes the params of its run, and metrics must know the model.

    A model that another run logged keeps the numbers of that run.
    """
    import mlflow

    tags = _tags(log, row)
    with mlflow.start_run(run_id=run.info.run_id):
        params = log.session.facts() | {RECIPE: row.recipe, ENGINE: row.engine, DIGEST: row.sha256}
        write(log.client, run, params=params)
        others = _logged_before(log, run, row)
        model_id = others or _own_model(log, run, row, tags)
        for name, text in log.session.texts.get(row.sha256, {}).items():
            log.client.log_text(run.info.run_id, text, name)
        write(
            log.client,
            run,
            numbers=of_row(row, log.session.pools[log.session.slowest(row)]),
            of_model={} if others else _on_pools(log, row),
            model_id=model_id,
            tags=tags | {MODEL_ID: model_id},
        )
    return model_id


def _logged_before(log: Log, run: "Run", row: Row) -> str | None:
    """Return the model of these bytes that another run logged: the champion's, or for the baseline any in this experiment."""
    if known := log.session.logged.get(row.sha256):
        return known
    found = find_logged(log.client, log.experiment_id, row.sha256) if _role(row) == BASELINE else None
    return found if found and log.client.get_logged_model(found).source_run_id != run.info.run_id else None


def _own_model(log: Log, run: "Run", row: Row, tags: dict[str, str]) -> str:
    session = log.session
    interface = session.interfaces[row.engine]
    return ensure_model(log.client, run, session.files[row.sha256], interface, row.recipe, row.sha256, tags)


def _on_pools(log: Log, row: Row) -> dict[str, float]:
    """Name numbers by pool too: a model has those of all pools side by side."""
    found = {pool: of_pool(row, pool, log.session.pools[pool]) for pool in row.per_pool}
    return {f"{pool}/{name}": value for pool, numbers in found.items() for name, value in numbers.items()}


def _tags(log: Log, row: Row) -> dict[str, str]:
    note = row_note(log.session.judgement, row, log.parent)
    verdict = {} if row.verdict is None else {VERDICT: row.verdict}
    return {
        ROLE: _role(row),
        RECIPE: row.recipe,
        ENGINE: row.engine,
        DIGEST: row.sha256,
        NOTE: note,
    } | verdict


def _role(row: Row) -> str:
    return BASELINE if row.verdict is None else CANDIDATE
