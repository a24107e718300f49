"""Files: digests, atomic writes, and model files with their external data."""

import errno
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inc_mlflow.errors import DataError, IncError, StateError, reason

_SEAL = "seal"
_LISTED = 20
_UNWRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR}
FULL = {errno.ENOSPC, errno.EDQUOT}


def sha256_file(path: Path) -> str:
    """Return the sha256 of a file as hex digits, read in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_text(text: str) -> str:
    """Return the sha256 of a text in UTF-8 as hex digits."""
    return hashlib.sha256(text.encode()).hexdigest()


def canonical_json(value: Any) -> str:
    """Return JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def model_files(model: Path) -> list[Path]:
    """Return the files of a model as this package writes it, in the order of its digest.

    A model is one file, with what does not fit into it beside it under the same name and ``.data``, or a
    folder.
    """
    if model.is_dir():
        return sorted(file for file in model.rglob("*") if file.is_file())
    beside = external_data(model)
    return [model, beside] if beside.exists() else [model]


def external_data(model: Path) -> Path:
    """Return where a model keeps the weights that do not fit into its file."""
    return model.with_name(f"{model.name}.data")


def files_sha256(files: Sequence[Path]) -> str:
    """Digest of one file, or of the digests of several in their order."""
    digests = [sha256_file(file) for file in files]
    return digests[0] if len(digests) == 1 else sha256_text("".join(digests))


def model_sha256(model: Path) -> str:
    """Digest of a model: of its file, or of all of its files."""
    return files_sha256(model_files(model))


def model_bytes(model: Path) -> int:
    """Size in bytes of all files of a model."""
    return sum(file.stat().st_size for file in model_files(model))


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all, also where the process is killed half-way."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file as ``write_text`` does."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_bytes(data)
            sync_file(partial)
            partial.replace(path)
            sync_entry(path)
        finally:
            partial.unlink(missing_ok=True)


def write_sealed(path: Path, data: Mapping[str, Any]) -> None:
    """Write plain data with its digest, which ``read_sealed`` checks."""
    write_text(path, sealed(data))


def read_sealed(path: Path) -> dict[str, Any] | None:
    """Read what ``write_sealed`` wrote; None where the file is missing or damaged."""
    try:
        return unsealed(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None


def sealed(data: Mapping[str, Any]) -> str:
    """Return plain data as one line of JSON that holds its own digest."""
    return canonical_json({**data, _SEAL: sha256_text(canonical_json(data))})


def unsealed(text: bytes) -> dict[str, Any] | None:
    """Return the data of a line that ``sealed`` wrote; None where it is anything else or damaged."""
    try:
        data = json.loads(text)
        return data if data.pop(_SEAL) == sha256_text(canonical_json(data)) else None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def sync(folder: Path) -> None:
    """Flush a folder and all files below it to disk."""
    for path in [*folder.rglob("*"), folder]:
        sync_file(path)


def sync_entry(path: Path) -> None:
    """Flush the folder entry of a file or folder, so that its name outlives a power cut."""
    sync_file(path.parent)


def sync_file(path: Path) -> None:
    """Flush a file or folder to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def copy_model(source: Path, target: Path) -> None:
    """Copy a model; a file beside it keeps its own name, by which the model refers to it."""
    with writable(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
            return
        for file in model_files(source):
            shutil.copyfile(file, target if file == source else target.with_name(file.name))


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Turn an OSError about writing ``path`` into a StateError: not writable, or the disk is full."""
    try:
        yield
    except OSError as error:
        named = [Path(name) for name in (error.filename, error.filename2) if name]
        if named and not any(_related(file, path) for file in named):
            raise
        if error.errno in FULL:
            raise disk_full(path) from error
        if error.errno in _UNWRITABLE:
            raise StateError(
                f"{path}: cannot be written ({error.strerror}); choose a writable directory"
            ) from error
        raise


@contextmanager
def errors_name(known: str, passing: Path) -> Iterator[None]:
    """Replace, in IncErrors, a path that is gone when people read them by what they know."""
    try:
        yield
    except IncError as error:
        raise type(error)(str(error).replace(str(passing), known)) from error


def disk_full(path: Path) -> StateError:
    """Return the error for a disk without room for ``path``."""
    return StateError(f"{path}: the disk is full; free some space and run again, finished steps are kept")


def _related(file: Path, path: Path) -> bool:
    """Return whether an error about ``file`` is one about writing ``path``."""
    return path.is_relative_to(file) or file.is_relative_to(path.parent)


def check_regular(path: Path, where: str, what: str) -> None:
    """Raise DataError for what is no regular file; ``what`` to give instead is as "the path of an .npz"."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        said = getattr(error, "strerror", None) or reason(error)
        raise DataError(f"{where}: {path} cannot be read ({said}); give {what}") from error
    if not stat.S_ISREG(mode):
        raise DataError(f"{where}: {path} cannot be read (it is no regular file); give {what}")


def listed(names: Iterable[object]) -> str:
    """Return names for a message: the first twenty, and how many more there are."""
    texts = [str(name) if len(str(name)) <= 60 else f"{str(name)[:59]}…" for name in names]
    more = f" and {len(texts) - _LISTED} more" if len(texts) > _LISTED else ""
    return ", ".join(texts[:_LISTED]) + more
