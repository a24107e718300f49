"""The parent's side of one instance process."""

import json
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from inc_mlflow.errors import ModelError

DUE, START, END, CPU = range(4)
"""Columns of calls: when due, begun and ended on CLOCK_MONOTONIC, and the CPU seconds of the whole
process."""


class Instance:
    """``command`` starts the process.

    It ends with this object, or when the parent is gone and its input with it.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = self._process.pid
        self.peak_rss_bytes = 0

    def ask(self, request: Mapping[str, Any]) -> np.ndarray:
        """Send a request and wait for its calls, an array of shape (calls, 4)."""
        self.send(request)
        return self.calls()

    def send(self, request: Mapping[str, Any]) -> None:
        """Send a request; ``calls`` then waits for the answer. ModelError where the process has ended."""
        if self._process.stdin is None:
            raise TypeError("an instance needs both pipes")
        try:
            self._process.stdin.write(f"{json.dumps(request)}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._ended() from None

    def calls(self) -> np.ndarray:
        """Wait for the answer to the last request; ModelError is what the instance complains about."""
        if self._process.stdout is None:
            raise TypeError("an instance needs both pipes")
        line = self._process.stdout.readline()
        if not line:
            raise self._ended()
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ModelError(answer["error"])
        self.peak_rss_bytes = answer["peak_rss_bytes"]
        return np.array(answer["calls"], float).reshape(-1, 4)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def _ended(self) -> ModelError:
        return ModelError(f"benchmark: an instance ended with code {self._process.wait()}; out of memory?")
