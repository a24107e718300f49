"""track: send the measurements, complete on disk by now, to MLflow."""

import os
from pathlib import Path

from inc_mlflow.ort.model import read_structure, signature
from inc_mlflow.records import RECORD, EvaluationRecord, ImportRecord, JudgementRecord, TrackingRecord
from inc_mlflow.spec import Job
from inc_mlflow.steps.stage import step
from inc_mlflow.storage import sha256_text
from inc_mlflow.tracking.runs import Session, log_job
from inc_mlflow.tracking.server import Server, connected

SESSION = "INC_MLFLOW_SESSION"
"""Environment variable with the id of this execution, so that a retry finds its runs; else what was measured names it."""


@step("tracking", TrackingRecord, asks=lambda job: Server.of(job).address)
def track(job: Job, target: Path, *, baseline: Path, evaluation: Path, benchmark: Path, judgement: Path) -> TrackingRecord:
    """Log parent run, candidates, models and evidence; ``target`` gets the record alone."""
    server, judged = Server.of(job), JudgementRecord.load(judgement)
    files = [(directory / RECORD).resolve() for directory in (baseline, evaluation, benchmark, judgement)]
    with connected(server) as client:
        logged = log_job(client, server, _session(job, baseline, evaluation, judged), judged, files)
    return TrackingRecord(
        tracking_uri=server.tracking_uri,
        experiment_id=logged.experiment_id,
        parent_run_id=logged.parent_run_id,
        runs=logged.runs,
        models=logged.models,
    )


def _session(job: Job, baseline: Path, evaluation: Path, judged: JudgementRecord) -> Session:
    evaluated, imported = EvaluationRecord.load(evaluation), ImportRecord.load(baseline)
    job_sha256 = sha256_text(job.spec.to_text())
    return Session(
        key=os.environ.get(SESSION) or judged.identity(),
        name=job.spec.name,
        metric=evaluated.metric,
        host=evaluated.evidence.host,
        inputs=signature(read_structure(job.model)),
        digests={"job": job_sha256, "source": imported.source_sha256, "data": evaluated.evidence.data_sha256},
    )
