"""Calls of ONNX Runtime that end: one that takes too long is stopped, since a loop in a model need not have an end."""

import os
import threading
import time
import weakref
from collections.abc import Mapping, Sequence
from math import isfinite

import numpy as np
import onnxruntime

from inc_mlflow.engines.onnxruntime.runtime.session import RUNTIME_ERRORS, SILENT, one_line
from inc_mlflow.errors import ModelError, SpecError

VARIABLE = "INC_MLFLOW_CALL_TIMEOUT"
"""Environment variable with the seconds that one call of a model may take; no part of a job: no result
depends on it."""
_SECONDS = 600.0
_LOOKS = 0.5
"""Seconds between two looks at the calls that run: a thread for each call would cost more than a small
model."""


class Watched:
    """A session; may be called from several threads at once. ``model`` names it in errors.

    Where one call takes too long, all that run end, and so does each later one.
    """

    def __init__(self, session: onnxruntime.InferenceSession, model: object) -> None:
        self.session, self._model, self._limit = session, model, limit()
        self._options = onnxruntime.RunOptions()
        self._options.log_severity_level = SILENT
        self._began: dict[int, float] = {}
        _watch(self)

    def run(
        self, names: Sequence[str] | None, inputs: Mapping[str, np.ndarray], what: str = "it"
    ) -> list[np.ndarray]:
        """Return the outputs ``names``, or all; ModelError is ONNX Runtime's complaint in one line."""
        thread = threading.get_ident()
        self._began[thread] = time.monotonic()
        try:
            return self.session.run(names, inputs, self._options)  # type: ignore[no-any-return]
        except RUNTIME_ERRORS as error:
            raise ModelError(f"{self._model}: {self._complaint(error, what)}") from error
        finally:
            del self._began[thread]

    def stop_late(self, now: float) -> None:
        """Ask ONNX Runtime to end where a call began too long ago.

        It looks between two operators, also within a loop.
        """
        if any(now - began > self._limit for began in list(self._began.values())):
            self._options.terminate = True

    def _complaint(self, error: Exception, what: str) -> str:
        if self._options.terminate:
            return f"one call took more than {self._limit:g} s, has it an endless loop? {VARIABLE} sets how long it may take"
        return f"onnxruntime cannot run {what}: {one_line(error)}"


def limit() -> float:
    """Return how many seconds a call may take.

    SpecError where the environment says something else than a number.
    """
    text = os.environ.get(VARIABLE) or str(_SECONDS)
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not (isfinite(seconds) and seconds > 0):
        raise SpecError(f"{VARIABLE}: {text!r} is no time; give seconds, as 600")
    return seconds


_watched: "weakref.WeakSet[Watched]" = weakref.WeakSet()
_starting = threading.Lock()
_watcher: threading.Thread | None = None


def _watch(watched: Watched) -> None:
    """Look after a session from now on, in the one thread that does so."""
    global _watcher
    with _starting:
        _watched.add(watched)
        if (
            _watcher is None or not _watcher.is_alive()
        ):  # a forked process has no threads but the one that forked
            _watcher = threading.Thread(target=_look, name="watch", daemon=True)
            _watcher.start()


def _look() -> None:
    while True:
        time.sleep(_LOOKS)
        _stop_late()


def _stop_late() -> None:
    with _starting:
        sessions = list(_watched)
    for one in sessions:
        one.stop_late(time.monotonic())
