"""The parent run of a job, with everything below it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.tracking.runs.candidates import log_candidate, log_rejected
from inc_mlflow.tracking.runs.execution import Execution, ExecutionLog
from inc_mlflow.tracking.runs.experiments import ensure_experiment, given_run
from inc_mlflow.tracking.runs.leftovers import end_runs
from inc_mlflow.tracking.runs.measurements import log_measurement
from inc_mlflow.tracking.runs.notes import job_note
from inc_mlflow.tracking.runs.numbers import own_names, row_metrics
from inc_mlflow.tracking.runs.tagged_runs import (
    JOB,
    METRICS,
    NOTE,
    ROLE,
    SESSION,
    VERDICT,
    ensure_run,
    fill_run,
    is_run_finished,
)
from inc_mlflow.tracking.server.connection import Server

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run


@dataclass(frozen=True)
class Logged:
    """Ids that MLflow gave; of runs and models by sha256 of the file."""

    experiment_id: str
    parent_run_id: str
    runs: dict[str, str]
    models: dict[str, str]


def log_job(
    client: "MlflowClient", server: Server, execution: Execution, files: Mapping[str, Path]
) -> Logged:
    """Write the whole job; called again after a kill, it completes what is there and duplicates nothing.

    ``files`` are the parent run's artifacts by their paths. A parent that somebody else opened is theirs to
    end; those of the job's killed executions end here.
    """
    given = given_run()
    experiment_id = ensure_experiment(client, server)
    parent = _parent(client, experiment_id, execution, given)
    log = ExecutionLog(client, experiment_id, str(parent.info.run_id), execution)
    end_runs(client, experiment_id, {execution.key, *execution.ended}, "KILLED", alive=log.parent)
    runs, models = _children(log)
    if given or not is_run_finished(
        parent
    ):  # else what others wrote since would be overwritten, as the gate's note
        _describe(log, parent, files)
    if not given:
        client.set_terminated(log.parent, "FINISHED")
    return Logged(experiment_id, log.parent, runs, models)


def _parent(client: "MlflowClient", experiment_id: str, execution: Execution, given: str | None) -> "Run":
    """Return the parent; one that somebody else opened gets no key, so that nothing here finds or ends it."""
    if given:
        return client.get_run(given)
    tags = {ROLE: JOB, SESSION: execution.key}
    return ensure_run(client, experiment_id, execution.run_key(JOB), execution.name, tags)


def _describe(log: ExecutionLog, parent: "Run", files: Mapping[str, Path]) -> None:
    """Write the best candidate's result on the parent, which is all that the page shows folded."""
    execution = log.execution
    tags = {
        ROLE: JOB,
        SESSION: execution.key,
        VERDICT: execution.judgement.verdict,
        NOTE: job_note(execution.judgement, log.parent),
        METRICS: json.dumps(own_names([one.name for one in execution.judgement.all_metrics])),
    }
    best = next(iter(execution.judgement.candidates), None)
    numbers = (
        row_metrics(best, execution.pools[execution.slowest(best)], execution.standing(best)) if best else {}
    )
    fill_run(log.client, parent, params=execution.facts(), numbers=numbers, tags=tags)
    for path, file in files.items():
        log.client.log_artifact(
            log.parent, str(file.resolve()), artifact_path="/".join(Path(path).parts[:-1]) or None
        )


def _children(log: ExecutionLog) -> tuple[dict[str, str], dict[str, str]]:
    runs, models = {}, {}
    for rejected in log.execution.judgement.rejected:
        log_rejected(log, rejected)
    for row in log.execution.judgement.table:
        runs[row.sha256], models[row.sha256] = log_candidate(log, row)
        for pool in row.per_pool:
            log_measurement(log, row, pool, models[row.sha256])
    return runs, models
