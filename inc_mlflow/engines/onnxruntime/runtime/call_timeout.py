"""A time limit for calls of ONNX Runtime, since a loop in a model need not end."""

import os
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from math import isfinite

import numpy as np
import onnxruntime

from inc_mlflow.engines.onnxruntime.runtime.session import RUNTIME_ERRORS, SILENT, error_text
from inc_mlflow.errors import ModelError, SpecError

VARIABLE = "INC_MLFLOW_CALL_TIMEOUT"
"""Environment variable with the seconds that one call of a model may take.

It is no part of a job: no result depends on it.
"""
_SECONDS = 600.0
_INTERVAL = 0.5
"""Seconds between two checks of the running calls: a thread for each call would cost more than a small
model."""


class TimedSession:
    """A session with a time limit for each call; several threads may call it at once.

    When one call takes too long, all running calls end, and each later call fails at once. ``model`` names
    the model in errors. Raises SpecError where the environment gives no valid limit.
    """

    def __init__(self, session: onnxruntime.InferenceSession, model: object) -> None:
        self.session, self._model, self._limit = session, model, call_timeout()
        self._options = onnxruntime.RunOptions()
        self._options.log_severity_level = SILENT
        self._began: dict[int, float] = {}
        _register(self)

    def run(
        self, names: Sequence[str] | None, inputs: Mapping[str, np.ndarray], what: str = "it"
    ) -> list[np.ndarray]:
        """Return the outputs ``names``, or all; raise ModelError with ONNX Runtime's complaint."""
        thread = threading.get_ident()
        self._began[thread] = time.monotonic()
        try:
            return self.session.run(names, inputs, self._options)  # type: ignore[no-any-return]
        except RUNTIME_ERRORS as error:
            raise ModelError(f"{self._model}: {self._complaint(error, what)}") from error
        finally:
            del self._began[thread]

    def stop_late(self, now: float) -> None:
        """Ask ONNX Runtime to end its calls if one of them began too long ago.

        ONNX Runtime checks for that between two operators, also within a loop.
        """
        if any(now - began > self._limit for began in list(self._began.values())):
            self._options.terminate = True

    def _complaint(self, error: Exception, what: str) -> str:
        if self._options.terminate:
            return (
                f"one call took more than {self._limit:g} s, has it an endless loop? "
                f"{VARIABLE} sets how long it may take"
            )
        return f"onnxruntime cannot run {what}: {error_text(error)}"


def call_timeout() -> float:
    """Return how many seconds a call may take; raise SpecError where the variable is no number above 0."""
    text = os.environ.get(VARIABLE) or str(_SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not (isfinite(seconds) and seconds > 0):
        raise SpecError(f"{VARIABLE}: {text!r} is no time; give seconds, as 600")
    return seconds


_sessions: "weakref.WeakSet[TimedSession]" = weakref.WeakSet()
_starting = threading.Lock()
_watcher: threading.Thread | None = None


def _register(session: TimedSession) -> None:
    """Have the one watching thread check a session, and start that thread if it does not run."""
    global _watcher
    with _starting:
        _sessions.add(session)
        if _watcher is None or not _watcher.is_alive():  # a forked process has only the thread that forked
            _watcher = threading.Thread(target=_watch, name="watch", daemon=True)
            _watcher.start()


def _watch() -> None:
    while True:
        time.sleep(_INTERVAL)
        _stop_late()


def _stop_late() -> None:
    with _starting:
        sessions = list(_sessions)
    for session in sessions:
        session.stop_late(time.monotonic())
