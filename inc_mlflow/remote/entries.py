"""Entries of the cache: folders that one process makes, all processes share, and that go when unused.

A process holds a lock on each folder that it uses, until it ends in whatever way. Only folders without a lock
are removed.
"""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from inc_mlflow.errors import StateError
from inc_mlflow.files import writable
from inc_mlflow.remote.whole import whole_folder

CACHE_BYTES = "INC_MLFLOW_CACHE_BYTES"
"""Environment variable with the bytes that the cache may hold."""
_BYTES = 20 << 30
_ABANDONED = 60.0
"""Age in seconds above which an unfinished folder without a lock was left by a killed process: a living one
locks it as soon as it is made."""
_used: dict[Path, int] = {}
"""Folder -> descriptor with this process's lock."""


def cache_entry(folder: Path, fill: Callable[[Path], None], size: int = 0) -> Path:
    """Return ``folder``, locked for this process; ``fill`` makes it unless another process has.

    ``size`` is in bytes, 0 where it is not known: so much room is made before.
    """
    limit = _limit()
    while not _use(folder):
        with _alone(folder):
            if not folder.is_dir():
                _make_room(folder.parents[1], limit - size)
                _make(folder, fill)
                _make_room(folder.parents[1], limit)
    return folder


def _limit() -> int:
    text = os.environ.get(CACHE_BYTES) or str(_BYTES)
    if not text.isdecimal():
        raise StateError(f"{CACHE_BYTES}: {text!r} is no number of bytes; give one, as {_BYTES} for 20 GiB")
    return int(text)


def _use(folder: Path) -> bool:
    """Lock a folder against removal and note the time. Returns False where there is no such folder."""
    if folder in _used and _is(folder, _used[folder]):
        return True
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return False
    _share(folder, descriptor)
    if not _is(folder, descriptor):  # removed while this process waited
        os.close(descriptor)
        return False
    with suppress(OSError):  # a cache that can only be read is never full
        os.utime(folder)
    _used[folder] = descriptor
    return True


def _is(folder: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), folder.stat())
    except FileNotFoundError:
        return False


def _share(folder: Path, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    except OSError as error:
        raise StateError(
            f"{folder}: cannot be locked ({error.strerror}); "
            "set INC_MLFLOW_CACHE to a folder on a disk of this machine"
        ) from error


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process make a folder while the others wait for it."""
    from filelock import FileLock

    locks = folder.parents[1] / "locks"
    with writable(locks):
        locks.mkdir(parents=True, exist_ok=True)
        (locks / folder.name).touch()
    with FileLock(locks / folder.name):
        yield


def _make(folder: Path, fill: Callable[[Path], None]) -> None:
    """Make a folder that is locked from its first moment: the lock stays when it gets its name."""
    with whole_folder(folder) as partial:
        descriptor = os.open(partial, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _share(partial, descriptor)
            fill(partial)
        except BaseException:
            os.close(descriptor)
            raise
    _used[folder] = descriptor


def _make_room(cache: Path, limit: int) -> None:
    """Remove what killed processes left, then the least recently used, down to ``limit`` bytes."""
    found = [folder for folder in cache.glob("*/*") if folder.is_dir()]
    for folder in filter(_abandoned, found):
        _remove(folder)
    sizes = {folder: _bytes(folder) for folder in found}
    total = sum(sizes.values())
    for folder in sorted(sizes, key=_last_use):
        if total <= limit:
            return
        if not folder.name.startswith(".") and _remove(folder):
            total -= sizes[folder]


def _abandoned(folder: Path) -> bool:
    return folder.name.startswith(".") and time.time() - _last_use(folder) > _ABANDONED


def _last_use(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:
        return time.time()


def _bytes(folder: Path) -> int:
    total = 0
    for path, _, files in os.walk(folder):
        for file in files:
            with suppress(FileNotFoundError):  # another process makes room, too
                total += (Path(path) / file).stat().st_size
    return total


def _remove(folder: Path) -> bool:
    """Remove a folder that no process uses. Returns False where one does, or it cannot be known."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        grave = tempfile.mkdtemp(dir=folder.parent, prefix=".")
        folder.rename(grave)
        shutil.rmtree(grave, ignore_errors=True)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
