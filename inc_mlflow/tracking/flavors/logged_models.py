"""Logged models: one per run, with the unchanged bytes of the file, made once even if an answer is lost."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.registry.engines import DEFAULT_ENGINE, ENGINES
from inc_mlflow.registry.flavors import FLAVORS
from inc_mlflow.tracking.flavors.flavor import LoggedInterface
from inc_mlflow.tracking.runs.tagged_runs import DIGEST, ENGINE
from inc_mlflow.tracking.server.get_or_create import get_or_create

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel, Run

_READY = "READY"


def find_logged(client: "MlflowClient", experiment_id: str, sha256: str) -> str | None:
    """Return the id of an experiment's oldest complete logged model with this digest, of any run."""
    return _oldest(client.search_logged_models([experiment_id], f"params.`{DIGEST}` = '{sha256}'"), sha256)


def ensure_model(
    client: "MlflowClient",
    run: "Run",
    path: Path,
    interface: LoggedInterface,
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


def _log(path: Path, interface: LoggedInterface, name: str, sha256: str, tags: Mapping[str, str]) -> str:
    flavor = FLAVORS.get(ENGINES.get(interface.engine).flavor)
    return flavor.log(path, interface, name, {DIGEST: sha256, ENGINE: interface.engine}, tags)


def engine_of_logged_model(params: Mapping[str, str]) -> str:
    """Return the engine in a logged model's params; without one it is the default engine."""
    return params.get(ENGINE, DEFAULT_ENGINE)


def check_package(folder: str, engine: str, model_id: str) -> str:
    """Raise DataError where loading a downloaded model would read or run anything but the model.

    It runs in a process with limits, since model and texts are not trusted.
    """
    FLAVORS.get(ENGINES.get(engine).flavor).check_package(Path(folder), model_id)
    return ""


def _legal(label: str) -> str:
    """Logged models may not have / : . % or quotes in their names."""
    return "".join(char if char.isalnum() or char in "-_ #+" else "-" for char in label)
