"""Child runs of a job without a model: one per model and pool, all with the same names of metrics."""

from inc_mlflow.records import Row
from inc_mlflow.tracking.runs.execution import ExecutionLog
from inc_mlflow.tracking.runs.metric_verdicts import verdict_tag
from inc_mlflow.tracking.runs.notes import pool_note
from inc_mlflow.tracking.runs.numbers import pool_metrics
from inc_mlflow.tracking.runs.tagged_runs import (
    DIGEST,
    MEASUREMENT,
    MODEL_ID,
    NOTE,
    POOL,
    RECIPE,
    VERDICT,
    fill_run,
    is_run_finished,
)

_ON_POOL = "inc.pool_verdict"
"""Verdict on this pool; the model's own may be worse, by another pool."""


def log_measurement(log: ExecutionLog, row: Row, pool: str, model_id: str) -> None:
    """Log what one pool measured of one model; called again after a kill, it gives the same run."""
    run = log.child(MEASUREMENT, f"{pool} {row.recipe}", row.recipe, pool)
    if is_run_finished(run):
        return
    measured, facts = log.execution.pools[pool], log.execution.facts(pool)
    result = row.per_pool[pool]
    verdict = {VERDICT: row.verdict, _ON_POOL: result.verdict} if row.verdict else {}
    layout = {"inc.layout": measured.benchmark.layout} if measured.benchmark else {}
    about = {RECIPE: row.recipe, POOL: pool, DIGEST: row.sha256} | verdict
    note = pool_note(log.execution.judgement, row, pool, log.parent, measured.benchmark)
    numbers = pool_metrics(row, pool, measured, log.execution.standing(row, pool))
    fill_run(
        log.client,
        run,
        params=facts | layout | about,
        numbers=numbers,
        tags=about | {MODEL_ID: model_id, NOTE: note} | verdict_tag(result.metrics),
    )
    log.client.set_terminated(run.info.run_id, "FINISHED")
