"""Registered versions and the champion's alias; what somebody else made is refused, never overwritten."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.errors import DataError, StaleError, TrackingError
from inc_mlflow.storage import MODEL, model_sha256
from inc_mlflow.tracking.runs import DIGEST, MODEL_ID

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion, RegisteredModel

ALIAS = "int8-champion"
_OWNER = {"inc.owner": "inc_mlflow"}
_SET_BY_US = f"inc.alias.{ALIAS}"
"""Tag of a version: we pointed the alias at it."""
_ABSENT = "RESOURCE_DOES_NOT_EXIST"


@dataclass(frozen=True)
class Champion:
    """The version that the alias names."""

    version: str
    recipe: str
    sha256: str


def find_champion(client: "MlflowClient", name: str) -> Champion | None:
    """Return the present champion; TrackingError where the model or its alias is not ours."""
    model = _owned(client, name)
    if model is None or ALIAS not in model.aliases:
        return None
    version = client.get_model_version(name, model.aliases[ALIAS])
    if version.tags.get(_SET_BY_US) != "true":
        raise TrackingError(
            f"registered model {name!r}: alias {ALIAS!r} (version {version.version}) was not set by inc-mlflow; "
            "remove that alias, or choose another tracking.registered_model"
        )
    digest = _digest(client, version.tags[MODEL_ID])
    return Champion(str(version.version), version.tags.get("inc.recipe", "unknown recipe"), digest)


def download(client: "MlflowClient", model_id: str, sha256: str, target: Path) -> None:
    """Fetch a logged model's file into ``target``; DataError where it was logged as another, or its bytes are others now."""
    import mlflow

    if (logged := _digest(client, model_id)) != sha256:
        raise DataError(f"logged model {model_id}: was logged as sha256 {logged[:12]}, not {sha256[:12]}; ask for that one")
    file = Path(mlflow.artifacts.download_artifacts(f"models:/{model_id}", dst_path=str(target))) / MODEL
    found = model_sha256(file) if file.is_file() else "none"
    if found != sha256:
        raise DataError(f"logged model {model_id}: its file has sha256 {found[:12]}, not {sha256[:12]}; it was altered")


def logged_as(client: "MlflowClient", name: str, sha256: str) -> str:
    """Return the id of the logged model behind a registered version of these bytes."""
    made = [version for version in _versions(client, name) if version.tags.get(DIGEST) == sha256]
    if not made:
        raise TrackingError(f"registered model {name!r}: no version has sha256 {sha256[:12]} any more; measure again")
    return str(min(made, key=lambda version: int(version.version)).tags[MODEL_ID])


def download_champion(client: "MlflowClient", name: str, champion: Champion, target: Path) -> None:
    """Fetch the present champion's file into ``target``."""
    download(client, client.get_model_version(name, champion.version).tags[MODEL_ID], champion.sha256, target)


def promote(
    client: "MlflowClient", name: str, model_id: str, sha256: str, tags: dict[str, str], expected: str | None
) -> tuple[str, bool]:
    """Register a logged model and point the alias at it; return its version and whether it is new.

    ``expected`` is the version that the candidate was measured against. StaleError where another one is champion by
    now: a candidate must beat the present champion on the same rows.
    """
    present = find_champion(client, name)
    if present is not None and present.sha256 == sha256:
        return present.version, False
    if (present.version if present else None) != expected:
        raise StaleError(
            f"registered model {name!r}: version {present.version if present else 'none'} is champion now, the candidate "
            f"was measured against {expected or 'none'}; measure again with --fresh"
        )
    _own(client, name)
    version, created = _version(client, name, model_id, tags | {DIGEST: sha256})
    client.set_model_version_tag(name, version, _SET_BY_US, "true")
    client.set_registered_model_alias(name, ALIAS, version)
    return version, created


def _owned(client: "MlflowClient", name: str) -> "RegisteredModel | None":
    """Return the registered model, None where there is none; TrackingError where somebody else made it."""
    from mlflow.exceptions import MlflowException

    try:
        model = client.get_registered_model(name)
    except MlflowException as error:
        if error.error_code == _ABSENT:
            return None
        raise
    if _OWNER.items() - model.tags.items():
        alias = f" with an alias {ALIAS!r}" if ALIAS in model.aliases else ""
        raise TrackingError(
            f"registered model {name!r}: exists{alias} and was not made by inc-mlflow; choose another tracking.registered_model"
        )
    return model


def _digest(client: "MlflowClient", model_id: str) -> str:
    """Read the digest where it cannot be overwritten: the params of the logged model."""
    digest = client.get_logged_model(model_id).params.get(DIGEST)
    if digest is None:
        raise TrackingError(f"logged model {model_id}: has no digest, inc-mlflow did not log it; point no alias at it")
    return str(digest)


def _versions(client: "MlflowClient", name: str) -> list["ModelVersion"]:
    return list(client.search_model_versions(f"name = '{name}'"))


def _own(client: "MlflowClient", name: str) -> None:
    """Create the registered model; one that appeared by a lost answer of ours is ours."""
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name, tags=_OWNER)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
        _owned(client, name)


def _version(client: "MlflowClient", name: str, model_id: str, tags: dict[str, str]) -> tuple[str, bool]:
    """Return the version of these bytes, made once however often it is asked for."""
    known = [one for one in _versions(client, name) if one.tags.get(DIGEST) == tags[DIGEST]]
    if known:
        return str(min(int(one.version) for one in known)), False
    made = client.create_model_version(name, f"models:/{model_id}", tags=tags | {MODEL_ID: model_id}, model_id=model_id)
    return str(made.version), True
