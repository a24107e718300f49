"""Create a store in a SQLite file, whole or not at all."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inc_mlflow.files import sync_entry, sync_file

_NO_WAITS = ("PRAGMA synchronous = OFF", "PRAGMA journal_mode = MEMORY")
"""MLflow's migrations commit 60 times, each with many waits for the disk, and a kill leaves none to go on."""


def create_store(path: Path) -> None:
    """Let MLflow create its tables beside the final place, unless there is a store already.

    The migrations cannot go on after a kill, so nothing of them has to be on the disk before their end.
    """
    import filelock
    import mlflow

    if _is_there(path):
        return
    partial = path.with_name(f".{path.name}.partial")
    with filelock.FileLock(path.with_name(f".{path.name}.lock")):
        if _is_there(path):
            return
        for left in path.parent.glob(f"{partial.name}*"):
            left.unlink()
        with _no_waits():
            mlflow.MlflowClient(f"sqlite:///{partial}").search_experiments(max_results=1)
        sync_file(partial)
        partial.replace(path)
        sync_entry(path)


def _is_there(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


@contextmanager
def _no_waits() -> Iterator[None]:
    """Let connections to SQLite that are made meanwhile not wait for the disk."""
    from sqlalchemy import Engine, event

    def configure(connection: Any, _record: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            for setting in _NO_WAITS:
                connection.execute(setting)

    event.listen(Engine, "connect", configure)
    try:
        yield
    finally:
        event.remove(Engine, "connect", configure)
