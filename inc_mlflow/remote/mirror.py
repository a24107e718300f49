"""A folder that is copied to a store while it is written, so that another machine can go on with it."""

import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from inc_mlflow.errors import IncError
from inc_mlflow.remote.address import Address
from inc_mlflow.remote.below import fetch_below
from inc_mlflow.remote.stores import open_store

SECONDS = 5.0
"""Between two looks at the folder: what a kill can lose beside what was not written yet."""


@contextmanager
def mirrored(folder: Path, address: Address, notify: Callable[[str], None]) -> Iterator[None]:
    """Fill an empty folder from ``address``, and copy there what changes until the end.

    A file is copied behind all files deeper in the folder, as they were no earlier than itself: so it may
    refer to them. A store that cannot be read or written costs no work: ``notify`` receives one line then.
    """
    mirror = _Mirror(folder, address, notify)
    mirror.fill()
    thread = threading.Thread(target=mirror.follow, name="mirror", daemon=True)
    thread.start()
    try:
        yield
    finally:
        mirror.ended.set()
        thread.join()
        if mirror.fault is not None:
            raise mirror.fault


class _Mirror:
    def __init__(self, folder: Path, address: Address, notify: Callable[[str], None]) -> None:
        self._folder, self._address, self._notify = folder, address, notify
        self._copied: dict[Path, tuple[int, int]] = {}
        self._refused = False
        self.ended = threading.Event()
        self.fault: Exception | None = None
        """What ended the thread and is no refusal of the store's: a bug of ours."""

    def fill(self) -> None:
        """Copy what the store has; nothing where one of the files cannot be read."""
        with tempfile.TemporaryDirectory() as scratch:
            try:
                fetched = fetch_below(self._address, Path(scratch))
            except IncError as error:
                self._refuse(error)
                return
            shutil.copytree(scratch, self._folder, dirs_exist_ok=True)
        self._copied = {name: _version(self._folder / name) for name in fetched}

    def follow(self) -> None:
        """Copy until the end, and once more."""
        try:
            while not self.ended.wait(SECONDS):
                self._copy()
            self._copy()
        except Exception as error:  # noqa: BLE001 - raised again where the folder is left
            self.fault = error

    def _copy(self) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            changed = _snapshot(self._folder, self._copied, Path(scratch))
            if not changed:
                return
            try:
                store = open_store(self._address)
                for name in reversed(changed):
                    store.write(Path(scratch) / name, self._address.child(name.as_posix()))
            except IncError as error:
                self._refuse(error)
                return
        self._copied |= changed

    def _refuse(self, error: IncError) -> None:
        """Say once what a store refuses."""
        if not self._refused:
            self._notify(f"{error}; training goes on, but after a kill it may begin again")
        self._refused = True


def _snapshot(folder: Path, known: dict[Path, tuple[int, int]], scratch: Path) -> dict[Path, tuple[int, int]]:
    """Copy files that have changed, those nearest to the top first, and return their versions by name."""
    found: dict[Path, tuple[int, int]] = {}
    for path in _by_depth(folder):
        name = path.relative_to(folder)
        version = _version(path)  # before it is read: what is written meanwhile is another version
        if known.get(name) != version:
            (scratch / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, scratch / name)
            found[name] = version
    return found


def _by_depth(folder: Path) -> Iterator[Path]:
    """Yield files, each folder's before those of its folders, which are listed only then."""
    level = [folder]
    while level:
        entries = [path for one in level for path in sorted(one.iterdir()) if not path.name.startswith(".")]
        yield from (path for path in entries if path.is_file())
        level = [path for path in entries if path.is_dir()]


def _version(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size
