"""Runs of a job: a parent, and one child per candidate that logs its model first and then its numbers at once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.records import HostFacts, JudgementRecord, Row, TensorSpec
from inc_mlflow.storage import external_data, sha256_text
from inc_mlflow.tracking.server import Server

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

COMPLETE, KEY, MODEL_ID, PARENT = "inc.complete", "inc.key", "inc.model_id", "mlflow.parentRunId"
DIGEST, NOTE, ROLE, SESSION, VERDICT = "inc.sha256", "mlflow.note.content", "inc.role", "inc.session", "inc.verdict"
_GIVEN = "MLFLOW_RUN_ID"
"""Environment variable with a run that somebody else opened for this process, as Kubeflow's MLflow plugin does."""


@dataclass(frozen=True)
class Session:
    """One execution of a job: its key makes every retry find the runs that it began."""

    key: str
    name: str
    metric: str
    host: HostFacts
    inputs: tuple[TensorSpec, ...]
    digests: Mapping[str, str]
    """Names and sha256 of job, source and validation rows."""
    files: Mapping[str, Path]
    """Model files of the candidates, by sha256."""
    logged: Mapping[str, str]
    """Ids of the models that were logged long ago, by sha256: the champion's."""
    texts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Text artifacts of candidates: sha256 of the model -> file name -> text."""


@dataclass(frozen=True)
class Logged:
    """Ids that MLflow gave."""

    experiment_id: str
    parent_run_id: str
    runs: dict[str, str]
    models: dict[str, str]


def log_job(
    client: "MlflowClient", server: Server, session: Session, judgement: JudgementRecord, files: Mapping[str, Path]
) -> Logged:
    """Write the whole job; called again after a kill it completes what is there and duplicates nothing.

    ``files`` are the parent run's artifacts by their paths. A parent that somebody else opened is theirs to end.
    """
    given = os.environ.get(_GIVEN)  # MLflow forgets it when the first run ends
    experiment_id = experiment_of(client, server) or _create_experiment(client, server)
    parent = _parent(client, experiment_id, session, judgement, given)
    runs, models = {}, {}
    for row in judgement.table[1:]:
        runs[row.sha256], models[row.sha256] = _candidate(client, experiment_id, parent, session, row)
    for path, file in files.items():
        client.log_artifact(parent, str(file.resolve()), artifact_path=str(Path(path).parent))
    _number(client, parent, judgement.table[0])
    client.set_tag(parent, COMPLETE, "true")
    if not given:
        client.set_terminated(parent, "FINISHED")
    return Logged(experiment_id, parent, runs, models)


def experiment_of(client: "MlflowClient", server: Server) -> str | None:
    """Return the experiment of the run that somebody opened for this process, else the job's; None where it is not made yet."""
    if given := os.environ.get(_GIVEN):
        return str(client.get_run(given).info.experiment_id)
    found = client.get_experiment_by_name(server.experiment)
    return None if found is None else str(found.experiment_id)


def _create_experiment(client: "MlflowClient", server: Server) -> str:
    from mlflow.exceptions import MlflowException

    try:
        return str(client.create_experiment(server.experiment, artifact_location=server.artifacts))
    except MlflowException:
        # A lost answer, or somebody else was first: either way it exists now, or the first error stands.
        if (found := experiment_of(client, server)) is None:
            raise
        return found


def _parent(client: "MlflowClient", experiment_id: str, session: Session, judgement: JudgementRecord, given: str | None) -> str:
    note = "\n\n".join([judgement.verdict, *judgement.reasons])
    tags = {ROLE: "job", VERDICT: judgement.verdict, SESSION: session.key, NOTE: note}
    run_id = _adopt(client, given, tags) if given else _own(client, experiment_id, session, tags)
    _params(client, run_id, _facts(session))
    return run_id


def _adopt(client: "MlflowClient", run_id: str, tags: Mapping[str, str]) -> str:
    """Write a run of somebody else's; without a key of ours nobody here takes it for one to find or to end."""
    for name, value in tags.items():
        client.set_tag(run_id, name, value)
    return run_id


def _own(client: "MlflowClient", experiment_id: str, session: Session, tags: dict[str, str]) -> str:
    key = sha256_text(f"{session.key} parent")
    run = _find(client, experiment_id, key) or _create(client, experiment_id, key, session.name, tags)
    return str(run.info.run_id)


def _candidate(client: "MlflowClient", experiment_id: str, parent: str, session: Session, row: Row) -> tuple[str, str]:
    """Return run and logged-model id of one candidate; a run that a kill left half-way is replaced."""
    key = sha256_text(f"{session.key} {row.sha256}")
    run = _find(client, experiment_id, key)
    if run is not None and run.data.tags.get(COMPLETE) == "true":
        return str(run.info.run_id), str(run.data.tags[MODEL_ID])
    if run is not None:
        _discard(client, experiment_id, run.info.run_id)
    tags = {ROLE: "candidate", VERDICT: row.verdict or "", PARENT: parent, NOTE: _note(row)}
    run = _create(client, experiment_id, key, row.recipe, tags)
    model_id = _fill(client, run, session, row)
    return str(run.info.run_id), model_id


def _discard(client: "MlflowClient", experiment_id: str, run_id: str) -> None:
    """Take back a run that a kill left half-way, and the model it may have logged already."""
    for model in client.search_logged_models([experiment_id], f"source_run_id = '{run_id}'"):
        client.delete_logged_model(model.model_id)
    client.set_terminated(run_id, "KILLED")
    client.delete_run(run_id)


def _fill(client: "MlflowClient", run: "Run", session: Session, row: Row) -> str:
    """Log params, model and metrics in this order: a model takes the params of its run, and metrics must know the model.

    A model that was logged before keeps the metrics of its own run.
    """
    import mlflow

    known = session.logged.get(row.sha256)
    with mlflow.start_run(run_id=run.info.run_id):
        _params(client, run.info.run_id, _facts(session) | {"inc.recipe": row.recipe, DIGEST: row.sha256})
        model_id = known or _log_model(session, row)
        _number(client, run.info.run_id, row, None if known else model_id)
        for name, text in session.texts.get(row.sha256, {}).items():
            client.log_text(run.info.run_id, text, name)
        client.set_tag(run.info.run_id, MODEL_ID, model_id)
        client.set_tag(run.info.run_id, COMPLETE, "true")
    return model_id


def _log_model(session: Session, row: Row) -> str:
    """Log the file's own bytes: ``log_model`` empties the object it is given and, unasked, moves weights out of it."""
    import mlflow
    import onnx

    path = session.files[row.sha256]
    large = external_data(path).exists()
    info = mlflow.onnx.log_model(
        onnx.load(path),
        name=_model_name(row.recipe),
        signature=_signature(session.inputs),
        pip_requirements=[f"{name}=={session.host.runtime[name]}" for name in ("onnx", "onnxruntime", "numpy")],
        params={DIGEST: row.sha256},
        save_as_external_data=large,
        **({"location": external_data(path).name} if large else {}),
    )
    return str(info.model_id)


def _signature(inputs: tuple[TensorSpec, ...]) -> object:
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types import Schema
    from mlflow.types import TensorSpec as Tensor

    return ModelSignature(inputs=Schema([Tensor(np.dtype(spec.dtype), _shape(spec), spec.name) for spec in inputs]))


def _shape(spec: TensorSpec) -> tuple[int, ...]:
    return tuple(axis if isinstance(axis, int) else -1 for axis in spec.shape or (None,))


def _number(client: "MlflowClient", run_id: str, row: Row, model_id: str | None = None) -> None:
    """Send a row's numbers in one call; the run's own start as time makes a second sending the same points."""
    from mlflow.entities import Metric

    time = client.get_run(run_id).info.start_time
    metrics = [Metric(name, value, time, 0, model_id=model_id) for name, value in _metrics(row).items()]
    client.log_batch(run_id, metrics=metrics)


def _metrics(row: Row) -> dict[str, float]:
    intervals = {
        "accuracy": row.accuracy,
        "relative_drop": row.relative_drop,
        "speedup": row.speedup,
        "source_speedup": row.source_speedup,
    }
    known = {name: interval for name, interval in intervals.items() if interval is not None}
    values = {name: interval.value for name, interval in known.items()}
    bounds = {f"{name}_{end}": getattr(interval, end) for name, interval in known.items() for end in ("low", "high")}
    return values | bounds | {"size_bytes": float(row.size_bytes)}


def _find(client: "MlflowClient", experiment_id: str, key: str) -> "Run | None":
    """Return the oldest live run of a key: a lost answer may have left two."""
    runs = client.search_runs([experiment_id], f"tags.`{KEY}` = '{key}'", order_by=["attributes.start_time ASC"])
    return min(runs, key=lambda run: (run.info.start_time, run.info.run_id), default=None)


def _create(client: "MlflowClient", experiment_id: str, key: str, name: str, tags: dict[str, str]) -> "Run":
    from mlflow.tracking.context.registry import resolve_tags

    return client.create_run(experiment_id, tags=resolve_tags({KEY: key, **tags}), run_name=name)


def _params(client: "MlflowClient", run_id: str, params: Mapping[str, str]) -> None:
    from mlflow.entities import Param

    client.log_batch(run_id, params=[Param(name, value) for name, value in params.items()])


def _facts(session: Session) -> dict[str, str]:
    runtime = {f"inc.runtime.{name}": version for name, version in session.host.runtime.items()}
    host = {"inc.cpu": session.host.cpu, "inc.isa": " ".join(session.host.isa) or "none", "inc.metric": session.metric}
    return host | runtime | {f"inc.{name}_sha256": digest for name, digest in session.digests.items()}


def _note(row: Row) -> str:
    return "\n\n".join([f"{row.verdict}: {row.recipe}", *row.reasons])


def _model_name(label: str) -> str:
    """Logged models may not have / : . % or quotes in their names."""
    return "".join(char if char.isalnum() or char in "-_ #+" else "-" for char in label)
