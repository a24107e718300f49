"""Atomic writes: files and folders appear whole or not at all, also where several processes make them."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inc_mlflow.files import writable


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Yield a path to write, which becomes ``target`` at the end.

    The name is random, since processes in pods share one process id.
    """
    with writable(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".", delete=False) as made:
            partial = Path(made.name)
        try:
            yield partial
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Yield a folder to fill, which becomes ``target`` at the end unless another process was faster."""
    with writable(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(dir=target.parent, prefix="."))
        try:
            yield partial
            _move(partial, target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def _move(partial: Path, target: Path) -> None:
    try:
        partial.rename(target)
    except OSError:
        if not target.is_dir():
            raise


def new_file(path: Path) -> Path:
    """Make an empty file and its folders. Raises FileExistsError where the path exists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(exist_ok=False)
    return path
