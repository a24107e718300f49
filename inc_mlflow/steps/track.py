"""track: send the measurements, complete on disk by now, to MLflow."""

import os
from pathlib import Path

from inc_mlflow.ort.model import read_structure, signature
from inc_mlflow.records import RECORD, BenchmarkRecord, EvaluationRecord, ImportRecord, JudgementRecord, TrackingRecord
from inc_mlflow.reports.slow import markdown
from inc_mlflow.spec import Job
from inc_mlflow.steps.evidence import measured
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
def track(job: Job, target: Path, *, baseline: Path, candidates: Path, judgement: Path, records: list[Path]) -> TrackingRecord:
    """Log parent run, candidates, models and evidence; ``target`` gets the record alone.

    ``records`` are the evaluations and benchmarks of all pools.
    """
    server, judged = Server.of(job), JudgementRecord.load(judgement)
    files = [(directory / RECORD).resolve() for directory in (baseline, candidates, judgement, *records)]
    files += [emulated.resolve() for directory in records for emulated in sorted(directory.glob(f"*/{RECORD}"))]
    files += [picture.resolve() for picture in candidates.glob(PICTURE)]
    pools = list(measured(records).values())
    with connected(server) as client:
        texts = _together(*(why_slow(pool.benchmark) for pool in pools if pool.benchmark), saturation_texts(judged))
        session = _session(job, baseline, pools[0].evaluation, judged, texts)
        logged = log_job(client, server, session, judged, files)
    return TrackingRecord(
        tracking_uri=server.tracking_uri,
        experiment_id=logged.experiment_id,
        parent_run_id=logged.parent_run_id,
        runs=logged.runs,
        models=logged.models,
    )


def why_slow(record: BenchmarkRecord) -> Texts:
    """Return the explanations of candidates that are not faster, for people and for programs, by sha256 of the model."""
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


def _session(job: Job, baseline: Path, evaluated: EvaluationRecord, judged: JudgementRecord, texts: Texts) -> Session:
    imported = ImportRecord.load(baseline)
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
