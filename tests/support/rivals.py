"""Requests for many candidates of one job: each has other bytes, speed and outcomes, and true evidence."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inc_mlflow.files import sha256_file, write_text
from inc_mlflow.measure.gate.measurements import LATENCIES, OUTCOMES
from inc_mlflow.records import BenchmarkRecord, EvaluationRecord, Interval, RequestRecord
from inc_mlflow.records.sealed_arrays import load_raw, save_raw
from inc_mlflow.tracking.requests.requests import write_request

NAME = "rivals"


@dataclass(frozen=True)
class Rival:
    """A candidate, its evidence, and its logged model."""

    number: int
    sha256: str
    evidence: Path
    model_id: str


def make(client, measured, folder, number, passes=True):
    """Log the best candidate again as another one, faster by ``number`` per cent.

    One that does not pass errs more often.
    """
    row = measured.judgement.best()
    model = _variant(Path(row.path), folder, number)
    sha256 = sha256_file(model)
    evidence = _evidence(measured, folder, row, sha256, 1 + number / 100, passes)
    return Rival(number, sha256, evidence, _log(client, model, sha256))


def request(client, measured, rival, name, **fields):
    """Request promotion of a rival to a registered model in a run of its own; return the run."""
    run_id = client.create_run(experiment(client), run_name=name).info.run_id
    client.log_artifacts(run_id, str(rival.evidence), "evidence")
    files = [file for file in rival.evidence.rglob("*") if file.is_file()]
    asked = RequestRecord(
        registered_model=name,
        run_id=run_id,
        models={rival.sha256: rival.model_id},
        recipe=measured.judgement.best().recipe,
        sha256=rival.sha256,
        requested_by="pipeline",
        measured_against=None,
        policy_sha256=measured.judgement.policy_sha256,
        evidence={str(file.relative_to(rival.evidence)): sha256_file(file) for file in files},
    )
    write_request(client, RequestRecord.model_validate(asked.model_dump() | fields))
    return run_id


def measure_elsewhere(rival, job, faster=1.0):
    """Add a second pool to a rival's evidence, where all models are faster than on the first."""
    write_text(rival.evidence / "job.json", job.spec.to_text())
    for kind in (EvaluationRecord, BenchmarkRecord):
        step = "evaluation" if kind is EvaluationRecord else "benchmark"
        folder = shutil.copytree(rival.evidence / f"{step}-local", rival.evidence / f"{step}-other")
        name, digest = (
            (OUTCOMES, "outcomes_sha256") if kind is EvaluationRecord else (LATENCIES, "latencies_sha256")
        )
        record = kind.load(folder)
        arrays = load_raw(folder / name, record, getattr(record, digest))
        changes = {"evidence": record.evidence.model_copy(update={"pool": "other"})}
        if kind is BenchmarkRecord:
            changes["speedup"] = {label: _scaled(speed, faster) for label, speed in record.speedup.items()}
        changed = record.model_copy(update=changes)
        changed.model_copy(update={digest: save_raw(folder / name, changed, arrays)}).save(folder)


def _variant(source, folder, number):
    import onnx

    folder.mkdir(parents=True)
    proto = onnx.load(source)
    onnx.helper.set_model_props(proto, {"variant": str(number)})
    onnx.save(proto, folder / "model.onnx")
    return folder / "model.onnx"


def _evidence(measured, folder, row, sha256, faster, passes):
    evidence = folder / "evidence"
    for step in ("evaluation", "benchmark"):
        shutil.copytree(
            measured / step, evidence / f"{step}-local", ignore=shutil.ignore_patterns("done.json")
        )
    write_text(evidence / "job.json", measured.job.spec.to_text())
    _rewrite_evaluation(evidence / "evaluation-local", row.recipe, sha256, passes)
    rewrite_benchmark(evidence / "benchmark-local", row.recipe, sha256, faster)
    return evidence


def _rewrite_evaluation(directory, label, sha256, passes):
    record = EvaluationRecord.load(directory)
    arrays = load_raw(directory / OUTCOMES, record, record.outcomes_sha256)
    if not passes:
        arrays[label] = np.where(np.arange(len(arrays[label])) % 10 == 0, 0.0, arrays[label])
    result = record.results[label].model_copy(update={"value": float(arrays[label].mean())})
    changed = _about(record, label, sha256).model_copy(update={"results": record.results | {label: result}})
    changed.model_copy(update={"outcomes_sha256": save_raw(directory / OUTCOMES, changed, arrays)}).save(
        directory
    )


def rewrite_benchmark(directory, label, sha256, faster):
    record = BenchmarkRecord.load(directory)
    arrays = load_raw(directory / LATENCIES, record, record.latencies_sha256)
    scaled = _scaled(record.speedup[label], faster)
    changed = _about(record, label, sha256).model_copy(update={"speedup": record.speedup | {label: scaled}})
    changed.model_copy(update={"latencies_sha256": save_raw(directory / LATENCIES, changed, arrays)}).save(
        directory
    )


def _scaled(speed, faster):
    return Interval(value=speed.value * faster, low=speed.low * faster, high=speed.high * faster)


def _about(record, label, sha256):
    evidence = record.evidence.model_copy(update={"models": record.evidence.models | {label: sha256}})
    return record.model_copy(update={"evidence": evidence})


def _log(client, model, sha256):
    import mlflow
    import onnx

    run_id = client.create_run(experiment(client), run_name="candidate").info.run_id
    with mlflow.start_run(run_id=run_id):
        options = {
            "pip_requirements": ["onnx"],
            "save_as_external_data": False,
            "params": {"inc.sha256": sha256},
        }
        return mlflow.onnx.log_model(onnx.load(model), name="rival", **options).model_id


def experiment(client):
    """Return where all runs are."""
    found = client.get_experiment_by_name(NAME)
    return found.experiment_id if found else client.create_experiment(NAME)
