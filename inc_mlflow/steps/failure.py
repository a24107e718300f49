"""What ends a process, kept in a file for the parent process: an IncError, or a bug's traceback."""

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


def save_bug(path: Path, story: str) -> None:
    """Write how a bug of ours ended the process: its traceback, or that the process crashed."""
    write_text(path, json.dumps({"bug": story}))


def load(path: Path) -> errors.IncError | None:
    """Return the error that ended the process; None where a bug did, or there is no file."""
    if "kind" not in (data := _read(path)):
        return None
    kind: type[errors.IncError] = getattr(errors, data["kind"], errors.IncError)
    return kind(data["message"])


def load_bug(path: Path) -> str | None:
    """Return how a bug of ours ended the process, None where none did; the last line says what."""
    return _read(path).get("bug")


def _read(path: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    return found
