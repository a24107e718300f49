"""track: send the measurements to MLflow; all of them are on disk by now."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import TrackingError
from inc_mlflow.files import sha256_file, sha256_text, write_text
from inc_mlflow.measure.gate.measured import Measured
from inc_mlflow.measure.gate.measurements import JOB, evidence_files, load_pools, pools_of_job
from inc_mlflow.records import (
    RECORD,
    BenchmarkRecord,
    CandidatesRecord,
    ImportRecord,
    JudgementRecord,
    TrackingRecord,
)
from inc_mlflow.reports.slow import slow_markdown
from inc_mlflow.reports.tradeoff import draw_tradeoff
from inc_mlflow.spec import CPU, Job
from inc_mlflow.steps.baselines import load_baselines
from inc_mlflow.steps.compress.quantize import PICTURE
from inc_mlflow.steps.compress.saturation import saturation_texts
from inc_mlflow.steps.prepare.example import load_example
from inc_mlflow.steps.step import ENDED, SESSION, step
from inc_mlflow.tracking.flavors.flavor import LoggedInterface
from inc_mlflow.tracking.registry.versions import model_id_of_digest
from inc_mlflow.tracking.runs.artifacts import EVIDENCE
from inc_mlflow.tracking.runs.execution import Execution
from inc_mlflow.tracking.runs.jobs import log_job
from inc_mlflow.tracking.runs.numbers import own_names
from inc_mlflow.tracking.runs.saved_views import write_views
from inc_mlflow.tracking.server.connection import Server, connected

if TYPE_CHECKING:
    from mlflow import MlflowClient

Texts = dict[str, dict[str, str]]
TRADEOFF = "tradeoff.svg"


@step("tracking", TrackingRecord, depends_on=lambda job: Server.of(job).address)
def track(
    job: Job,
    target: Path,
    *,
    baseline: Path,
    candidates: Path,
    judgement: Path,
    records: list[Path],
    session: str = "",
) -> TrackingRecord:
    """Log parent run, candidates, models, and the evidence for judging again.

    ``records`` are the evaluations and benchmarks of all pools. ``target`` also gets the job and the picture.
    ``session`` is the id of this execution, by which a retry finds its runs. Without it the environment gives
    the id, else it follows from the judgement. Raises TrackingError where MLflow cannot take the runs.
    """
    server, judged = Server.of(job), JudgementRecord.load(judgement)
    write_text(target / JOB, job.spec.to_text())
    evidence = {JOB: target / JOB, f"judgement/{RECORD}": judgement / RECORD, **evidence_files(records)}
    with connected(server) as client:
        key = named_session(session) or judged.identity()
        execution = _execution(client, key, job, baseline, candidates, judged, records)
        picture = _draw(job, judged, target)
        logged = log_job(
            client, server, execution, {TRADEOFF: picture, **_artifacts(baseline, candidates, evidence)}
        )
        no_views = write_views(
            client, logged.experiment_id, own_names([one.name for one in judged.all_metrics])
        )
    return TrackingRecord(
        tracking_uri=server.tracking_uri,
        experiment_id=logged.experiment_id,
        parent_run_id=logged.parent_run_id,
        runs=logged.runs,
        models=logged.models,
        evidence={path: sha256_file(file) for path, file in evidence.items()},
        no_views=no_views,
    )


def named_session(given: str) -> str:
    """Return the id of this execution: as given, else from the environment, else empty.

    Raises TrackingError where Kubeflow did not fill in its placeholder, since all pipelines would then share
    one id.
    """
    if "{{" in given:
        raise TrackingError(
            f"session: this Kubeflow does not fill in {given}; packages need a backend from KFP 2.16 on"
        )
    return given or os.environ.get(SESSION, "")


def slow_texts(record: BenchmarkRecord) -> Texts:
    """Return by sha256 of the model why candidates are not faster, for people and for programs."""
    return {
        record.evidence.models[label]: {
            "why_slow.md": slow_markdown(label, slow),
            "why_slow.json": slow.model_dump_json(indent=1),
        }
        for label, slow in record.slow.items()
    }


def _merged_texts(*parts: Texts) -> Texts:
    models = set().union(*parts)
    return {
        model: {name: text for part in parts for name, text in part.get(model, {}).items()}
        for model in models
    }


def _artifacts(baseline: Path, candidates: Path, evidence: dict[str, Path]) -> dict[str, Path]:
    """Return the parent run's artifacts: the evidence, further records, and pictures."""
    records = {f"baseline/{RECORD}": baseline / RECORD, f"candidates/{RECORD}": candidates / RECORD}
    pictures = {f"candidates/{picture.name}": picture for picture in candidates.glob(PICTURE)}
    return records | pictures | {f"{EVIDENCE}/{path}": file for path, file in evidence.items()}


def _draw(job: Job, judged: JudgementRecord, target: Path) -> Path:
    write_text(target / TRADEOFF, draw_tradeoff(judged, job.spec.gate))
    return target / TRADEOFF


def _execution(
    client: "MlflowClient",
    key: str,
    job: Job,
    baseline: Path,
    candidates: Path,
    judged: JudgementRecord,
    records: Iterable[Path],
) -> Execution:
    pools = pools_of_job(job.spec, load_pools(records))
    files = _files(baseline, candidates)
    others = [row.sha256 for row in judged.table if row.sha256 not in files]
    return Execution(
        key=key,
        name=job.spec.name,
        judgement=judged,
        pools=pools,
        required=tuple(
            name for name, pool in pools.items() if job.spec.gate.role(name, pool.emulated) == "required"
        ),
        interfaces=_interfaces(baseline, pools),
        digests=_digests(job, baseline, pools),
        framework=_framework(baseline),
        files=files,
        logged={
            sha256: model_id_of_digest(client, Server.of(job).registered_model, sha256) for sha256 in others
        },
        texts=_merged_texts(
            *(slow_texts(pool.benchmark) for pool in pools.values() if pool.benchmark),
            saturation_texts(_candidate_files(candidates)),
        ),
        training={
            one.sha256: one.training
            for one in CandidatesRecord.load(candidates).candidates
            if one.training is not None
        },
        ended=tuple(os.environ.get(ENDED, "").split()),
    )


def _files(baseline: Path, candidates: Path) -> dict[str, Path]:
    """Return the models on this machine by sha256; a judgement has the paths of the machine that judged."""
    baselines = load_baselines(baseline).values()
    return {model.sha256: model.path for model in baselines} | _candidate_files(candidates)


def _candidate_files(candidates: Path) -> dict[str, Path]:
    made = CandidatesRecord.load(candidates).candidates
    return {candidate.sha256: candidates / candidate.path for candidate in made}


def _interfaces(baseline: Path, pools: Mapping[str, Measured]) -> dict[str, LoggedInterface]:
    """Return the interface of each engine's models; a GPU that a pool used is their first device."""
    evidence = [pool.evaluation.evidence for pool in pools.values()]
    devices = sorted({CPU, *(pool.provider for pool in evidence)}, key=lambda name: (name == CPU, name))
    interfaces = {}
    for engine, model in load_baselines(baseline).items():
        interface = model.engine.interface(model.path)
        interfaces[engine] = LoggedInterface(
            engine=engine,
            inputs=interface.inputs,
            outputs=interface.outputs,
            example=load_example(baseline),
            runtime=evidence[0].host.runtime,
            devices=tuple(devices),
        )
    return interfaces


def _framework(baseline: Path) -> dict[str, str]:
    """Return what the import says of the framework whose model it is; empty where there is none."""
    source = ImportRecord.load(baseline).framework_source
    if source is None:
        return {}
    return {"kind": source.kind, "framework": source.framework, "parity": f"{source.largest:.2g}"}


def _digests(job: Job, baseline: Path, pools: Mapping[str, Measured]) -> dict[str, str]:
    first = next(iter(pools.values()))
    return {
        "job": sha256_text(job.spec.to_text()),
        "source": ImportRecord.load(baseline).source_sha256,
        "data": first.evaluation.evidence.data_sha256,
    }
