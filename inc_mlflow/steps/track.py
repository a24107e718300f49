"""track: send the measurements, complete on disk by now, to MLflow."""

import os
from pathlib import Path

from inc_mlflow.ort.model import read_structure, signature
from inc_mlflow.records import RECORD, BenchmarkRecord, EvaluationRecord, ImportRecord, JudgementRecord, TrackingRecord
from inc_mlflow.reports.slow import markdown
from inc_mlflow.spec import Job
from inc_mlflow.steps.quantize import PICTURE
from inc_mlflow.steps.saturation import saturation_texts
from inc_mlflow.steps.stage import step
from inc_mlflow.storage import sha256_text
from inc_mlflow.tracking.runs import Session, log_job
from inc_mlflow.tracking.server import Server, connected

Texts = dict[str, dict[str, str]]
SESSION = "INC_MLFLOW_SESSION"
"""Environment variable with the id of this execution, so that a retry finds its runs; else what was measured names it."""


@step("tracking", TrackingRecord, asks=lambda job: Server.of(job).address)
def track(
    job: Job, target: Path, *, baseline: Path, candidates: Path, evaluation: Path, benchmark: Path, judgement: Path
) -> TrackingRecord:
    """Log parent run, candidates, models and evidence; ``target`` gets the record alone."""
    server, judged = Server.of(job), JudgementRecord.load(judgement)
    files = [(directory / RECORD).resolve() for directory in (baseline, candidates, evaluation, benchmark, judgement)]
    files += [emulated.resolve() for emulated in sorted(evaluation.glob(f"*/{RECORD}"))]
    files += [picture.resolve() for picture in candidates.glob(PICTURE)]
    with connected(server) as client:
        session = _session(job, baseline, evaluation, judged, _together(why_slow(benchmark), saturation_texts(judged)))
        logged = log_job(client, server, session, judged, files)
    return TrackingRecord(
        tracking_uri=server.tracking_uri,
        experiment_id=logged.experiment_id,
        parent_run_id=logged.parent_run_id,
        runs=logged.runs,
        models=logged.models,
    )


def why_slow(benchmark: Path) -> Texts:
    """Return the explanations of candidates that are not faster, for people and for programs, by sha256 of the model."""
    record = BenchmarkRecord.load(benchmark)
    return {
        record.evidence.models[label]: {
            "why_slow.md": markdown(label, slow),
            "why_slow.json": slow.model_dump_json(indent=1),
        }
        for label, slow in record.slow.items()
    }


def _together(*parts: Texts) -> Texts:
    models = set().union(*parts)
    return {model: {name: text for part in parts for name, text in part.get(model, {}).items()} for model in models}


def _session(job: Job, baseline: Path, evaluation: Path, judged: JudgementRecord, texts: Texts) -> Session:
    evaluated, imported = EvaluationRecord.load(evaluation), ImportRecord.load(baseline)
    job_sha256 = sha256_text(job.spec.to_text())
    return Session(
        key=os.environ.get(SESSION) or judged.identity(),
        name=job.spec.name,
        metric=evaluated.metric,
        host=evaluated.evidence.host,
        inputs=signature(read_structure(job.model)),
        digests={"job": job_sha256, "source": imported.source_sha256, "data": evaluated.evidence.data_sha256},
        texts=texts,
    )
