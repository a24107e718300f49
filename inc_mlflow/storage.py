"""Files: digests, atomic writes, and model files with their external data."""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inc_mlflow.errors import StateError

MODEL = "model.onnx"
"""Name of the model file in a step's output directory; above 2 GB its weights stand beside it in ``model.onnx.data``."""
_UNWRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.EISDIR}
FULL = {errno.ENOSPC, errno.EDQUOT}


def sha256_file(path: Path) -> str:
    """Hex digest of a file, read in constant memory."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sha256_text(text: str) -> str:
    """Hex digest of UTF-8 text."""
    return hashlib.sha256(text.encode()).hexdigest()


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def external_data(model: Path) -> Path:
    """Return where a model written by this package keeps weights that do not fit into the file."""
    return model.with_name(f"{model.name}.data")


def model_sha256(model: Path) -> str:
    """Digest of a model: of the file alone, or of file and external data in that order where it has some."""
    external = external_data(model)
    if not external.exists():
        return sha256_file(model)
    return sha256_text(sha256_file(model) + sha256_file(external))


def model_bytes(model: Path) -> int:
    """Size in bytes, external data included."""
    external = external_data(model)
    return model.stat().st_size + (external.stat().st_size if external.exists() else 0)


def write_text(path: Path, text: str) -> None:
    """Write whole or not at all, also when the process is killed half-way."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    with writable(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.write_text(text)
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def copy_model(source: Path, target: Path) -> None:
    """Copy a model file, and its external data beside it under the same name, which the file refers to."""
    with writable(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        if external_data(source).exists():
            shutil.copyfile(external_data(source), target.with_name(external_data(source).name))


@contextmanager
def writable(path: Path) -> Iterator[None]:
    """Say in one line that ``path`` cannot be written, or that its disk is full."""
    try:
        yield
    except OSError as error:
        named = [Path(name) for name in (error.filename, error.filename2) if name]
        if named and not any(_related(file, path) for file in named):
            raise
        if error.errno in FULL:
            raise disk_full(path) from error
        if error.errno in _UNWRITABLE:
            raise StateError(f"{path}: cannot be written ({error.strerror}); choose a writable directory") from error
        raise


def disk_full(path: Path) -> StateError:
    """Return the error for a disk without room for ``path``."""
    return StateError(f"{path}: the disk is full; free some space and run again, finished steps are kept")


def _related(file: Path, path: Path) -> bool:
    """Tell whether an error about ``file`` is one about writing ``path``."""
    return path.is_relative_to(file) or file.is_relative_to(path.parent)
