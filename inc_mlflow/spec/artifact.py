"""A model that a task of a user's own pipeline made: in a job its paths begin with ``artifact://``."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from inc_mlflow.errors import ModelError
from inc_mlflow.files import sha256_text
from inc_mlflow.remote import cache_folder
from inc_mlflow.spec.data import possible_path, supported_path

ARTIFACT = "artifact://"


def in_artifact(path: str) -> bool:
    """Tell whether a path is one inside the artifact."""
    return path.startswith(ARTIFACT)


def inside_artifact(path: str) -> str:
    """Return a path inside the artifact; raise ValueError where it would lead out of it."""
    if path.startswith(f"{ARTIFACT}/") or ".." in path.removeprefix(ARTIFACT).split("/"):
        raise ValueError(f"{path} leaves the artifact; give a path inside it, as {ARTIFACT}NAME")
    return possible_path(path)


def _model_path(path: str) -> str:
    return inside_artifact(path) if in_artifact(path) else supported_path(path)


ModelPath = Annotated[str, AfterValidator(_model_path)]
"""A path relative to the job file, the address of a remote file, or a path inside the artifact."""


def located(value: Any, artifact: Path) -> Any:
    """Return a value of a job's model with local paths for those inside the artifact.

    Raises ModelError where a path is not in the artifact, or leads out of it by a link.
    """
    if isinstance(value, dict):
        return {key: located(one, artifact) for key, one in value.items()}
    if isinstance(value, list):
        return [located(one, artifact) for one in value]
    if not isinstance(value, str) or not in_artifact(value):
        return value
    inside = value.removeprefix(ARTIFACT)
    if artifact.is_dir():
        return str(artifact.resolve() / inside)
    return str(_named(artifact, inside, value))


def check_artifact(artifact: Path) -> None:
    """Raise ModelError where there is no artifact, or a link in it leads out of it."""
    if not artifact.exists():
        raise ModelError(
            f"model: the artifact {artifact} is not there; write a file or folder to `model.path`"
        )
    inside = artifact.resolve()
    for path in inside.rglob("*") if inside.is_dir() else ():
        if path.is_symlink() and not path.resolve().is_relative_to(inside):
            raise ModelError(
                f"model: {path.relative_to(inside)} in the artifact is a link that leads out of it; "
                "copy the file into the artifact"
            )


def _named(file: Path, name: str, address: str) -> Path:
    """Return a link to an artifact of one file by the name that the job gives it.

    KFP's own paths have no ending, by which frameworks know a file.
    """
    if not name or "/" in name:
        raise ModelError(
            f"model: {address}: the artifact is one file; give its name alone, as {ARTIFACT}NAME"
        )
    target = file.resolve()
    folder = cache_folder() / "artifacts" / sha256_text(str(target))[:32]
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / name
    with suppress(FileExistsError):
        link.symlink_to(target)
    return link
