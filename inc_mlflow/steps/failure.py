"""The IncError that ends a process, kept in a file for the parent process."""

import json
import signal
from pathlib import Path

from inc_mlflow import errors
from inc_mlflow.files import write_text

_OUTSIDE = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGXCPU}
"""Signals that come from outside a process; others mean that its own code crashed."""


def killed(process: str, number: int) -> errors.KilledError | None:
    """Return the error for a process that a signal ended from outside; None where its own code crashed."""
    if number not in _OUTSIDE:
        return None
    cause = ": out of memory?" if number == signal.SIGKILL else ""
    return errors.KilledError(f"{process} was killed (signal {number}){cause}; run again to go on")


def save(path: Path, error: errors.IncError) -> None:
    """Write an error's kind and line."""
    write_text(path, json.dumps({"kind": type(error).__name__, "message": str(error)}))


def load(path: Path) -> errors.IncError | None:
    """Return the error that ended the process.

    None where there is no file: then a bug ended the process, which printed the traceback.
    """
    if not path.exists():
        return None
    data = json.loads(path.read_text())
    kind: type[errors.IncError] = getattr(errors, data["kind"], errors.IncError)
    return kind(data["message"])
