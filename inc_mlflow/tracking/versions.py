"""Registered versions of logged models: made once per content, and their bytes checked wherever they are used."""

from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import DataError, TrackingError
from inc_mlflow.records.ledger import Entry
from inc_mlflow.storage import MODEL, model_sha256
from inc_mlflow.tracking.once import once
from inc_mlflow.tracking.package import check_package
from inc_mlflow.tracking.runs import DIGEST, MODEL_ID

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

_SOURCE = "models:/"


def download(model_id: str, sha256: str, target: Path) -> Path:
    """Fetch a logged model's file into ``target``; DataError where its bytes, or what else loading it reads, are others."""
    folder = _fetch(model_id, target)
    file = folder / MODEL
    found = model_sha256(file) if file.is_file() else "none"
    if found != sha256:
        raise DataError(f"logged model {model_id}: its file has sha256 {found[:12]}, not {sha256[:12]}; it was altered")
    check_package(folder, model_id)
    return file


def content(model_id: str, target: Path) -> str:
    """Return the sha256 of a logged model of somebody else's; TrackingError where it is no ONNX model."""
    file = _fetch(model_id, target) / MODEL
    if not file.is_file():
        raise TrackingError(f"logged model {model_id}: has no {MODEL}; only ONNX models can be champions")
    return model_sha256(file)


def check_logged(client: "MlflowClient", model_id: str, sha256: str) -> None:
    """Raise DataError where a model was logged as another, TrackingError where inc-mlflow did not log it."""
    if (logged := logged_digest(client, model_id)) != sha256:
        raise DataError(f"logged model {model_id}: was logged as sha256 {logged[:12]}, not {sha256[:12]}; ask for that one")


def logged_digest(client: "MlflowClient", model_id: str) -> str:
    """Read a logged model's digest where it cannot be overwritten: among its params."""
    digest = client.get_logged_model(model_id).params.get(DIGEST)
    if digest is None:
        raise TrackingError(f"logged model {model_id}: has no digest, inc-mlflow did not log it; point no alias at it")
    return str(digest)


def logged_as(client: "MlflowClient", name: str, sha256: str) -> str:
    """Return the id of the logged model behind a registered version of these bytes."""
    made = _versions(client, name, sha256)
    if not made:
        raise TrackingError(f"registered model {name!r}: no version has sha256 {sha256[:12]} any more; measure again")
    return str(made[0].tags[MODEL_ID])


def register(client: "MlflowClient", name: str, model_id: str, sha256: str, tags: dict[str, str]) -> tuple[str, bool]:
    """Return the version of these bytes, and whether it is new; two gates may not do this at once."""
    known = _versions(client, name, sha256)
    if known:
        return str(known[0].version), False
    marks = tags | {DIGEST: sha256, MODEL_ID: model_id}

    def make() -> "ModelVersion":
        return client.create_model_version(name, f"{_SOURCE}{model_id}", tags=marks, model_id=model_id)

    return str(once(lambda: next(iter(_versions(client, name, sha256)), None), make).version), True


def mark(client: "MlflowClient", name: str, version: str, model_id: str, sha256: str) -> None:
    """Note on a version that somebody else made what it is, as on those made here."""
    for tag, value in {DIGEST: sha256, MODEL_ID: model_id}.items():
        client.set_model_version_tag(name, version, tag, value)


def source_of(client: "MlflowClient", name: str, version: str) -> str:
    """Return the id of the logged model behind a version that somebody else made; TrackingError where there is none."""
    source = str(client.get_model_version(name, version).source)
    if not source.startswith(_SOURCE):
        raise TrackingError(f"{name!r} version {version}: was not registered from a logged model; register it from one first")
    return source.removeprefix(_SOURCE)


def check_version(client: "MlflowClient", name: str, version: str, made: Entry) -> list[str]:
    """Say where a version is not what the ledger says it is; the bytes are another question."""
    from mlflow.exceptions import MlflowException

    try:
        present = client.get_model_version(name, version)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        return [f"version {version} is gone; register logged model {made.model_id} again"]
    found = (present.tags.get(DIGEST), present.tags.get(MODEL_ID), str(present.source))
    if found != (made.sha256, made.model_id, f"{_SOURCE}{made.model_id}"):
        return [f"version {version} is marked as sha256 {str(found[0])[:12]} of {found[1]}, by the ledger "
                f"{str(made.sha256)[:12]} of {made.model_id}; it was altered"]  # fmt: skip
    return []


def _fetch(model_id: str, target: Path) -> Path:
    import mlflow

    folder = target / model_id  # of its own: evidence and other models stand in the target too, and what is beside it counts
    folder.mkdir(parents=True, exist_ok=True)
    return Path(mlflow.artifacts.download_artifacts(f"{_SOURCE}{model_id}", dst_path=str(folder)))


def _versions(client: "MlflowClient", name: str, sha256: str) -> list["ModelVersion"]:
    """Return the versions of these bytes, oldest first: a lost answer may have left two."""
    made = [one for one in client.search_model_versions(f"name = '{name}'") if one.tags.get(DIGEST) == sha256]
    return sorted(made, key=lambda one: int(one.version))
