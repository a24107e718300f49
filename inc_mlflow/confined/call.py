"""The caller's side: one server of confined processes, started on first use, ended with this process."""

import atexit
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any, cast

from inc_mlflow import errors
from inc_mlflow.confined.limits import Limits
from inc_mlflow.confined.work import Work
from inc_mlflow.errors import BrokenError, ShortageError

_KEPT = frozenset({"PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV"})
_KEPT_ALL = ("PYTHON", "INC_MLFLOW_")
"""Environment variables, by name and by prefix, that the process gets: none holds a secret."""
_THREADS = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "2",
}
"""Each thread reserves tens of megabytes of address space, which count against the memory limit."""


def confined(what: str, function: str, arguments: Mapping[str, Any], limits: Limits) -> str:
    """Call "module:attribute" with ``arguments`` in a process of its own and return the text that it returns.

    ``what`` names the input in messages. An IncError of the function is raised here as well. Raises
    BrokenError where the function raises anything else, the process dies or exceeds ``limits``, and
    ShortageError where this machine lacks memory, disk or processes. Treat the text as untrusted: whoever
    took the process over could choose it.
    """
    answer = _SERVER.ask(Work(function, arguments, limits))
    kind, message = str(answer.get("kind")), str(answer.get("message"))
    if kind == "done":
        return message
    if kind == "short":
        raise ShortageError(f"{what}: {message}; try again")
    known = getattr(errors, kind, None)
    if isinstance(known, type) and issubclass(known, errors.IncError):
        raise known(message)
    raise BrokenError(f"{what}: the process that reads it {message}; start the pipeline again")


def _parsed(line: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(line)
    except ValueError:
        return {"kind": "broken", "message": "answered something else"}
    return answer if isinstance(answer, dict) else {}


class _Server:
    """A process of ``server.py``; a dead one, as after a fork, is replaced."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    def ask(self, work: Work) -> dict[str, Any]:
        """Return the answer to a piece of work. An interruption ends the server too."""
        with self._turn:
            process = self._alive()
            try:
                return self._answer(process, work)
            except BaseException:
                self.end()
                raise

    def end(self) -> None:
        """End the process, and what it is working on."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return
        with suppress(BrokenPipeError):
            cast("IO[bytes]", process.stdin).close()
        cast("IO[bytes]", process.stdout).close()
        process.wait()

    def _alive(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._owner == os.getpid() and self._process.poll() is None:
            return self._process
        self.end()
        self._process, self._owner = _started(), os.getpid()
        return self._process

    def _answer(self, process: subprocess.Popen[bytes], work: Work) -> dict[str, Any]:
        questions, answers = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        with suppress(BrokenPipeError):
            questions.write(work.text().encode() + b"\n")
            questions.flush()
        if not (line := answers.readline()):
            raise ShortageError("the process that reads what others wrote ended; run the same command again")
        return _parsed(line)


def _started() -> subprocess.Popen[bytes]:
    """Start a server in a session of its own: signals to this process group must not reach it."""
    kept = {name: value for name, value in os.environ.items() if name in _KEPT or name.startswith(_KEPT_ALL)}
    command = [sys.executable, "-P", "-m", "inc_mlflow.confined.server"]
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=kept | _THREADS,
            start_new_session=True,
        )
    except OSError as error:
        raise ShortageError(f"no process to read requests in ({error.strerror}); try again") from error


_SERVER = _Server()
atexit.register(_SERVER.end)
