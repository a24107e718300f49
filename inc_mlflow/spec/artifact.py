"""A model that a task of a user's own pipeline made: in a job its paths begin with ``artifact://``."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from inc_mlflow.errors import ModelError
from inc_mlflow.files import sha256_text
from inc_mlflow.remote import cache_folder
from inc_mlflow.spec.data import ARTIFACT, in_artifact


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
