"""The mark of a finished step: a file beside its result, with digests of its inputs and its files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inc_mlflow.files import read_sealed, sha256_file, sync, write_sealed

FINISHED_MARK = "done.json"


def mark_finished(directory: Path, inputs: Mapping[str, str], identity: str) -> None:
    """Mark a step as finished; when this returns, all of it is on the disk and survives a power cut."""
    write_sealed(
        directory / FINISHED_MARK,
        {"inputs": dict(inputs), "identity": identity, "files": _digests(directory)},
    )
    sync(directory)


def finished(directory: Path) -> dict[str, Any] | None:
    """Return the mark of a finished step; None where it is not finished, or its mark is damaged."""
    return read_sealed(directory / FINISHED_MARK)


def is_damaged(directory: Path) -> bool:
    """Tell whether the files of a directory differ from what its step wrote; this reads all of them."""
    mark = finished(directory)
    return mark is None or mark["files"] != _digests(directory)


def _digests(directory: Path) -> dict[str, str]:
    files = sorted(
        path for path in directory.rglob("*") if path.is_file() and path != directory / FINISHED_MARK
    )
    return {path.relative_to(directory).as_posix(): sha256_file(path) for path in files}
