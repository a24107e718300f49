"""The IncError that ends a process, in a file for the process that waits for it."""

import json
from pathlib import Path

from inc_mlflow import errors
from inc_mlflow.storage import write_text


def save(path: Path, error: errors.IncError) -> None:
    """Write an error's kind and line."""
    write_text(path, json.dumps({"kind": type(error).__name__, "message": str(error)}))


def load(path: Path) -> errors.IncError | None:
    """Return the error that ended the process; None where it left none: then it met a bug, and printed its traceback."""
    if not path.exists():
        return None
    data = json.loads(path.read_text())
    kind: type[errors.IncError] = getattr(errors, data["kind"], errors.IncError)
    return kind(data["message"])
