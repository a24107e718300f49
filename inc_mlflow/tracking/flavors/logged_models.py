"""Logged models: one per run, with the bytes of the file as they are, made once though answers get lost."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inc_mlflow.files import external_data
from inc_mlflow.records import TensorSpec
from inc_mlflow.tracking.runs.tagged_runs import DIGEST
from inc_mlflow.tracking.server.get_or_create import get_or_create

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run

_READY = "READY"


@dataclass(frozen=True)
class Interface:
    """Inputs and outputs of a model, and the runtime that runs it."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    example: Mapping[str, Any] | None
    """One real row; None where it is too large to be shown."""
    runtime: Mapping[str, str]
    """Package -> version."""
    providers: tuple[str, ...]
    """Execution providers that are to run it, first choice first."""


def find_logged(client: "MlflowClient", experiment_id: str, sha256: str) -> str | None:
    """Return the id of an experiment's oldest complete logged model of these bytes, of any run."""
    return _oldest(client.search_logged_models([experiment_id], f"params.`{DIGEST}` = '{sha256}'"), sha256)


def ensure_model(
    client: "MlflowClient",
    run: "Run",
    path: Path,
    interface: Interface,
    name: str,
    sha256: str,
    tags: Mapping[str, str],
) -> str:
    """Return the id of a run's logged model, made once.

    The run must be active and have its params already: the model takes them over.
    """
    return get_or_create(
        lambda: _of_run(client, run, sha256),
        lambda: _log(path, interface, _legal(name), sha256, tags),
    )


def _of_run(client: "MlflowClient", run: "Run", sha256: str) -> str | None:
    """Find a run's complete model, after deleting what a kill or a lost answer left incomplete."""
    found = client.search_logged_models([run.info.experiment_id], f"source_run_id = '{run.info.run_id}'")
    for model in found:
        if model.status.value != _READY:
            client.delete_logged_model(model.model_id)
    return _oldest(found, sha256)


def _oldest(models: "list[LoggedModel]", sha256: str) -> str | None:
    """Return the oldest model that is ready and of this digest: the server's filters let others through."""
    whole = [model for model in models if model.status.value == _READY and model.params.get(DIGEST) == sha256]
    oldest = min(whole, key=lambda model: (model.creation_timestamp, model.model_id), default=None)
    return None if oldest is None else str(oldest.model_id)


def _log(path: Path, interface: Interface, name: str, sha256: str, tags: Mapping[str, str]) -> str:
    """Log the file's own bytes: ``log_model`` empties the object it gets and may move weights out of it."""
    import mlflow
    import onnx

    large = external_data(path).exists()
    info = mlflow.onnx.log_model(
        onnx.load(path),
        name=name,
        signature=_signature(interface),
        input_example=interface.example,
        pip_requirements=[
            f"{package}=={interface.runtime[package]}" for package in ("onnx", "onnxruntime", "numpy")
        ],
        onnx_execution_providers=list(interface.providers),
        params={DIGEST: sha256},
        tags=dict(tags),
        save_as_external_data=large,
        **({"location": external_data(path).name} if large else {}),
    )
    return str(info.model_id)


def _signature(interface: Interface) -> object:
    from mlflow.models import ModelSignature
    from mlflow.types import Schema

    return ModelSignature(
        inputs=Schema(_tensors(interface.inputs)), outputs=Schema(_tensors(interface.outputs))
    )


def _tensors(specs: tuple[TensorSpec, ...]) -> list[Any]:
    import numpy as np
    from mlflow.types import TensorSpec as Tensor

    return [Tensor(np.dtype(spec.dtype), _shape(spec), spec.name) for spec in specs]


def _shape(spec: TensorSpec) -> tuple[int, ...]:
    return tuple(axis if isinstance(axis, int) else -1 for axis in spec.shape or (None,))


def _legal(label: str) -> str:
    """Logged models may not have / : . % or quotes in their names."""
    return "".join(char if char.isalnum() or char in "-_ #+" else "-" for char in label)
