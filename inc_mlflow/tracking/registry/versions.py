"""Registered versions of logged models: one for each content, and their bytes are checked before use."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from inc_mlflow.confined import Limits, confined
from inc_mlflow.errors import DataError, TrackingError
from inc_mlflow.files import model_files, model_sha256
from inc_mlflow.records.ledger import LedgerEntry
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.tracking.flavors.logged_models import engine_of_logged_model
from inc_mlflow.tracking.runs.tagged_runs import DIGEST, MODEL_ID
from inc_mlflow.tracking.server.downloads import limited_download, list_files
from inc_mlflow.tracking.server.get_or_create import get_or_create

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

_SOURCE = "models:/"
_CHECK = "inc_mlflow.tracking.flavors.logged_models:check_package"
LARGEST = 64 << 30
"""Bytes of the largest model that is fetched."""
_LARGEST_TEXT = 64 << 20
"""Bytes of a file around the model; the example of its inputs is the longest."""
_READING = Limits(cpu_seconds=8, memory_bytes=640 << 20, wall_seconds=60)
_BYTES_PER_SECOND = 50 << 20


class Registered(NamedTuple):
    """A registered version, and the logged model behind it."""

    version: str
    model_id: str
    created: bool


def download_model(model_id: str, sha256: str, target: Path, size_bytes: int = LARGEST) -> Path:
    """Fetch a logged model's file into ``target``.

    ``size_bytes`` is its size by the evidence; a larger file is not even fetched. Raises DataError where the
    file, or another one that loading it would read, was altered.
    """
    engine, file = _fetch(model_id, target, size_bytes)
    found = model_sha256(file) if file.exists() else "none"
    if found != sha256:
        raise DataError(
            f"logged model {model_id}: its file has sha256 {found[:12]}, not {sha256[:12]}; it was altered"
        )
    arguments = {"folder": str(file.parent), "engine": engine, "model_id": model_id}
    confined(f"logged model {model_id}", _CHECK, arguments, _reading_limits(file))
    return file


def download_sha256(model_id: str, target: Path) -> str:
    """Download somebody else's logged model; return its sha256.

    Raises TrackingError where it has no model file of its engine.
    """
    engine, file = _fetch(model_id, target)
    if not file.exists():
        raise TrackingError(f"logged model {model_id}: has no {file.name}; it is no model of {engine}")
    return model_sha256(file)


def check_logged(client: "MlflowClient", model_id: str, sha256: str) -> None:
    """Raise DataError where a model was logged as another, TrackingError where inc-mlflow did not log it."""
    if (logged := logged_digest(client, model_id)) != sha256:
        raise DataError(
            f"logged model {model_id}: was logged as sha256 {logged[:12]}, not {sha256[:12]}; "
            "ask for that one"
        )


def logged_digest(client: "MlflowClient", model_id: str) -> str:
    """Read a logged model's digest where it cannot be overwritten: among its params.

    DataError where the model is gone.
    """
    with _deleted_is_data_error(model_id):
        digest = client.get_logged_model(model_id).params.get(DIGEST)
    if digest is None:
        raise TrackingError(
            f"logged model {model_id}: has no digest, inc-mlflow did not log it; point no alias at it"
        )
    return str(digest)


def model_id_of_digest(client: "MlflowClient", name: str, sha256: str) -> str:
    """Return the id of the logged model behind the oldest version of these bytes; TrackingError if none."""
    made = _versions_of_digest(client, name, sha256)
    if not made:
        raise TrackingError(
            f"registered model {name!r}: no version has sha256 {sha256[:12]} any more; measure again"
        )
    return str(made[0].tags[MODEL_ID])


def check_marked_models(
    client: "MlflowClient", name: str, model_id: str, sha256: str, target: Path
) -> dict[str, bool]:
    """Return the logged models behind versions marked as these bytes, and whether they have them.

    Anybody may mark a version, so each model is downloaded but ``model_id``, which was checked before. That
    takes too long for a ledger turn.
    """
    others = {one.tags[MODEL_ID] for one in _versions_of_digest(client, name, sha256)} - {model_id}
    return {model_id: True} | {other: _has_bytes(client, other, sha256, target) for other in others}


def register_version(
    client: "MlflowClient",
    name: str,
    model_id: str,
    sha256: str,
    tags: dict[str, str],
    has_bytes: Mapping[str, bool],
) -> Registered | None:
    """Return the version of these bytes, created from ``model_id`` if there is none; in a ledger turn.

    ``has_bytes`` is the answer of ``check_marked_models``. None where a version was marked since then: check
    again.
    """
    made = _versions_of_digest(client, name, sha256)
    if not {one.tags[MODEL_ID] for one in made} <= has_bytes.keys():
        return None
    if known := [one for one in made if has_bytes[one.tags[MODEL_ID]]]:
        return Registered(str(known[0].version), str(known[0].tags[MODEL_ID]), created=False)
    return Registered(_create_version(client, name, model_id, sha256, tags), model_id, created=True)


def mark_version(client: "MlflowClient", name: str, version: str, model_id: str, sha256: str) -> None:
    """Tag a version that somebody else created with digest and model id, as ours are."""
    for tag, value in {DIGEST: sha256, MODEL_ID: model_id}.items():
        client.set_model_version_tag(name, version, tag, value)


def logged_model_behind(client: "MlflowClient", name: str, version: str) -> str:
    """Return the id of the logged model behind a version; TrackingError where there is none."""
    source = str(client.get_model_version(name, version).source)
    if not source.startswith(_SOURCE):
        raise TrackingError(
            f"{name!r} version {version}: was not registered from a logged model; register it from one first"
        )
    return source.removeprefix(_SOURCE)


def check_version(client: "MlflowClient", name: str, version: str, made: LedgerEntry) -> list[str]:
    """Return a problem where a version is not what the ledger says; its bytes are not looked at."""
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


def _fetch(model_id: str, target: Path, size_bytes: int = LARGEST) -> tuple[str, Path]:
    """Return the engine of a logged model, by its params, and where its model lies now."""
    import mlflow

    what, client, folder = f"logged model {model_id}", mlflow.MlflowClient(), target / model_id
    with _deleted_is_data_error(model_id):
        engine = engine_of_logged_model(client.get_logged_model(model_id).params)
        files = list_files(what, lambda path: list(client.list_logged_model_artifacts(model_id, path)))
    if engine not in ENGINES:
        raise DataError(
            f"{what}: is for the engine {engine!r}, which is not here; there are {', '.join(ENGINES)}"
        )
    name = ENGINES.get(engine).model_name
    _check_sizes(what, files, name, size_bytes)
    folder.mkdir(parents=True, exist_ok=True)
    with _deleted_is_data_error(model_id), limited_download(what, files, folder, LARGEST):
        place = Path(mlflow.artifacts.download_artifacts(f"{_SOURCE}{model_id}", dst_path=str(folder)))
    return engine, place / name


def _check_sizes(what: str, files: Mapping[str, int | None], name: str, size_bytes: int) -> None:
    """Raise DataError for what would fill the disk; the bytes are compared later."""
    weights = {path for path in files if path in {name, f"{name}.data"} or path.startswith(f"{name}/")}
    model = sum(size or 0 for path, size in files.items() if path in weights)
    if model > min(size_bytes, LARGEST) + _LARGEST_TEXT:
        raise DataError(f"{what}: its file has {model} bytes, the evidence says {size_bytes}; it was altered")
    if large := [path for path, size in files.items() if path not in weights and (size or 0) > _LARGEST_TEXT]:
        raise DataError(f"{what}: {large[0]} is larger than MLflow writes it; it was altered")


def _reading_limits(model: Path) -> Limits:
    """Return limits in proportion to the file; weights beside it are not read."""
    size = model_files(model)[0].stat().st_size
    seconds = _READING.cpu_seconds + size / _BYTES_PER_SECOND
    return Limits(seconds, _READING.memory_bytes + 4 * size, 8 * seconds)


@contextmanager
def _deleted_is_data_error(model_id: str) -> Iterator[None]:
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        raise DataError(f"logged model {model_id}: was deleted; log it again") from error


def _create_version(
    client: "MlflowClient", name: str, model_id: str, sha256: str, tags: dict[str, str]
) -> str:
    marks = tags | {DIGEST: sha256, MODEL_ID: model_id}

    def find() -> "ModelVersion | None":
        return next(
            (one for one in _versions_of_digest(client, name, sha256) if one.tags[MODEL_ID] == model_id), None
        )

    def make() -> "ModelVersion":
        return client.create_model_version(name, f"{_SOURCE}{model_id}", tags=marks, model_id=model_id)

    return str(get_or_create(find, make).version)


def _has_bytes(client: "MlflowClient", model_id: str, sha256: str, target: Path) -> bool:
    """Tell whether a logged model has these bytes."""
    try:
        check_logged(client, model_id, sha256)
        download_model(model_id, sha256, target)
    except (DataError, TrackingError):
        return False
    return True


def _versions_of_digest(client: "MlflowClient", name: str, sha256: str) -> list["ModelVersion"]:
    """Return the versions tagged with these bytes and with their own logged model, oldest first.

    The server filters, so a long list of versions costs no more; its filters let others through, so the
    result is filtered again.
    """
    found = client.search_model_versions(f"name = '{name}' and tags.`{DIGEST}` = '{sha256}'")
    made = [one for one in found if one.tags.get(DIGEST) == sha256]
    whole = [one for one in made if str(one.source) == f"{_SOURCE}{one.tags.get(MODEL_ID)}"]
    return sorted(whole, key=lambda one: int(one.version))
