"""The command's side of its guard: one temporary folder, a mark on every process, handling of signals."""

import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import NoReturn

from inc_mlflow.errors import StateError
from inc_mlflow.guard import program
from inc_mlflow.guard.program import DONE, MARK, STOPS

PREFIX = "inc-mlflow-"
_PLACE = "INC_MLFLOW_TMPDIR"
"""Environment variable with the directory for temporary files that outlive a command, such as a cache."""
_UNWINDING = 5.0
"""Seconds after a signal for whatever has to be closed: a claim on a server, an archive."""
_ANSWER = 5.0
"""Seconds for the guard to end the command's other processes."""


def temporary_directory() -> Path:
    """Return the user's directory for temporary files; that of ``tempfile`` is removed with the command."""
    return Path(os.environ.get(_PLACE) or tempfile.gettempdir())


@contextmanager
def guarded(stopped: str) -> Iterator[None]:
    """Run a command; whatever ends it, none of its processes and temporary files is left.

    SIGINT, SIGTERM and SIGHUP, unless they were ignored, end its other processes at once. The command itself
    then prints ``stopped`` as its only line and exits with 128 plus the signal's number. It unwinds by
    KeyboardInterrupt, so that claims and archives are closed; what does not close within some seconds is left
    as a kill would leave it.
    """
    outside, folder = temporary_directory(), _folder()
    guard = _Guard(folder, stopped)
    try:
        with _signals(guard):
            try:
                with (
                    environment({MARK: guard.mark, _PLACE: str(outside), "TMPDIR": folder}),
                    _temporary(folder),
                ):
                    yield
            finally:
                shutil.rmtree(folder, ignore_errors=True)
    finally:
        if guard.signal:
            guard.leave()
        guard.dismiss()


class _Guard:
    """The guard's process and the pipes to it."""

    def __init__(self, folder: str, stopped: str) -> None:
        self.mark, self.signal, self._stopped = uuid.uuid4().hex, 0, stopped
        inputs, self.pipe = os.pipe()
        os.set_blocking(self.pipe, False)
        command = [sys.executable, "-I", "-S", program.__file__, self.mark, folder, os.pathsep.join(sys.path)]
        before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)  # the guard inherits that, and keeps it
        try:
            self._process = subprocess.Popen(
                command, stdin=inputs, stdout=subprocess.PIPE, start_new_session=True
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            os.close(inputs)

    def stop(self, number: int, _: FrameType | None) -> None:
        """Handle the first signal; the guard has received it too. Further signals change nothing."""
        if self.signal:
            return
        self.signal = number
        if self._process.stdout:
            select.select([self._process.stdout], [], [], _ANSWER)
        signal.signal(signal.SIGALRM, lambda *_: self.leave())
        signal.setitimer(signal.ITIMER_REAL, _UNWINDING)
        raise KeyboardInterrupt

    def leave(self) -> NoReturn:
        """End this process at once, without waiting for threads of libraries."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        for stream, line in ((sys.stdout, ""), (sys.stderr, f"{self._stopped}\n")):
            with suppress(OSError, ValueError):  # whoever read it may be gone
                stream.write(line)
                stream.flush()
        os.close(self.pipe)
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_ANSWER)
        os._exit(128 + self.signal)

    def dismiss(self) -> None:
        """Let the guard end: nothing is left to clear up."""
        with suppress(BrokenPipeError):
            os.write(self.pipe, bytes([DONE]))
        os.close(self.pipe)
        self._process.communicate()


def _folder() -> str:
    try:
        return tempfile.mkdtemp(prefix=PREFIX)
    except OSError as error:
        raise StateError(
            f"temporary files: cannot be written ({error.strerror}); "
            "set TMPDIR to a writable directory with room"
        ) from error


@contextmanager
def _temporary(folder: str) -> Iterator[None]:
    """Let ``tempfile`` make everything in a folder that the guard can remove."""
    before, tempfile.tempdir = tempfile.tempdir, folder
    try:
        yield
    finally:
        tempfile.tempdir = before


@contextmanager
def environment(values: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables, for this process and what it starts."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            os.environ.update({} if value is None else {name: value})


_active: list[_Guard] = []
"""The guard that signals go to, where there is one."""


@contextmanager
def _signals(guard: _Guard) -> Iterator[None]:
    """Hand signals to the guard.

    One that was ignored when the program began stays ignored, as ``nohup`` wants it.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # Python lets no other thread handle signals
        return
    before = {number: signal.getsignal(number) or signal.SIG_DFL for number in STOPS}
    ours = {number: handler for number, handler in before.items() if handler is not signal.SIG_IGN}
    pipe = signal.set_wakeup_fd(guard.pipe, warn_on_full_buffer=False)
    _active.append(guard)
    for number in ours:
        signal.signal(number, guard.stop)
    try:
        yield
    finally:
        if not guard.signal:
            for number, handler in ours.items():
                signal.signal(number, handler)
            _active.remove(guard)
            signal.set_wakeup_fd(pipe)


def _forked() -> None:
    """Restore default signals in a forked child, and close its copy of the guard's pipe."""
    for guard in _active:
        signal.set_wakeup_fd(-1)
        for number in STOPS:
            if signal.getsignal(number) == guard.stop:
                signal.signal(number, signal.SIG_DFL)
        os.close(guard.pipe)
    _active.clear()


os.register_at_fork(after_in_child=_forked)
