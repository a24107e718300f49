"""Fetch what others put into a store, within limits: hostile artifacts must not fill the disk."""

import errno
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from inc_mlflow.confined import file_limit
from inc_mlflow.errors import DataError, ShortageError

if TYPE_CHECKING:
    from mlflow.entities import FileInfo

_MOST_FILES, _DEEPEST = 10_000, 8
_LEAST = 1 << 20
"""Bytes that any file may have while it is fetched; MLflow writes small files of its own."""
_REFUSED = {"INVALID_PARAMETER_VALUE", "RESOURCE_DOES_NOT_EXIST"}
"""MLflow's error codes for links and names that lead out of a store."""
_TOO_LARGE = f"[Errno {errno.EFBIG}]"

Lister = Callable[[str | None], "list[FileInfo]"]


def list_files(what: str, lister: Lister, artifact: "FileInfo | None" = None) -> dict[str, int | None]:
    """Return path -> size of all files below an artifact, or in a whole store, as the store lists them.

    Raises DataError where they are more, or lie deeper, than inc-mlflow ever writes.
    """
    files: dict[str, int | None] = {}
    for path, size in _walk(what, lister, artifact, 0):
        files[path] = size
        if len(files) > _MOST_FILES:
            raise DataError(
                f"{what}: has more than {_MOST_FILES} files, which inc-mlflow never writes; "
                "start the pipeline again"
            )
    return files


@contextmanager
def limited_download(what: str, files: dict[str, int | None], target: Path, largest: int) -> Iterator[None]:
    """Let no fetched file become larger than the largest one that is listed.

    Where a size is unknown the limit is ``largest``. Raises DataError where a file would be larger, or MLflow
    refuses its name; ShortageError where ``target`` has no room for all.
    """
    from mlflow.exceptions import MlflowException

    _check_room(what, sum(size or 0 for size in files.values()), target)
    limit = largest if None in files.values() else max([_LEAST, *filter(None, files.values())])
    try:
        with file_limit(limit):
            yield
    except MlflowException as error:
        if _TOO_LARGE in str(error):
            raise DataError(
                f"{what}: a file is larger than its store says; start the pipeline again"
            ) from error
        if error.error_code in _REFUSED:
            raise DataError(
                f"{what}: MLflow refuses to read it ({error}); start the pipeline again"
            ) from error
        raise


def _walk(
    what: str, lister: Lister, artifact: "FileInfo | None", depth: int
) -> Iterator[tuple[str, int | None]]:
    if artifact is not None and not artifact.is_dir:
        yield artifact.path, artifact.file_size
        return
    if depth > _DEEPEST:
        raise DataError(
            f"{what}: has folders in folders more than {_DEEPEST} times; start the pipeline again"
        )
    for inside in lister(artifact.path if artifact else None):
        yield from _walk(what, lister, inside, depth + 1)


def _check_room(what: str, size: int, target: Path) -> None:
    there = next(folder for folder in (target, *target.parents) if folder.exists())
    if size > (free := shutil.disk_usage(there).free):
        raise ShortageError(
            f"{what}: takes {size >> 20} MiB, and {there} has room for {free >> 20}; free some space"
        )
