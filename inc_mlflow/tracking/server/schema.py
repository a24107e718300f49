"""Check that a database is a store of the installed MLflow, which would migrate an older one without asking.

The check changes nothing, not even the time of the file.
"""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from inc_mlflow.errors import TrackingError
from inc_mlflow.tracking.server.refusals import explain_sqlite

_TABLE = "alembic_version"
_REVISION = f"SELECT version_num FROM {_TABLE}"  # noqa: S608 - no text of anybody's
_NOTHING = ""
"""Revision of a database without tables."""
_PATIENCE = 20.0
"""Seconds to wait for whoever writes to a SQLite file, as MLflow does."""


def check_file(path: Path, shown: str, must_exist: bool) -> None:
    """Raise TrackingError where a SQLite file is of another MLflow than this, or is no store at all.

    ``shown`` is its URI. One that does not exist yet is an error with ``must_exist``.
    """
    if not path.exists():
        if must_exist:
            raise TrackingError(
                f"MLflow at {shown}: does not exist; run a job first, or give another with --tracking-uri"
            )
        return
    try:
        revision = _of_file(path)
    except sqlite3.Error as error:
        raise TrackingError(f"MLflow at {shown}: {explain_sqlite(error)}") from error
    _check(revision, shown, must_exist)


def check_database(uri: str, shown: str, must_exist: bool) -> None:
    """Raise TrackingError where a server's database is of another MLflow than this, or no store at all."""
    from sqlalchemy import NullPool, create_engine, inspect, text

    engine = create_engine(uri, poolclass=NullPool)
    with engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        _check(
            _revision(tables, lambda: connection.execute(text(_REVISION)).scalars().all()), shown, must_exist
        )


def _of_file(path: Path) -> str | None:
    """Return the revision; what a kill left open is rolled back only where it cannot be read otherwise."""
    try:
        return _read(path, "ro")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_READONLY_ROLLBACK:
            raise
        return _read(path, "rw")


def _read(path: Path, mode: str) -> str | None:
    address = f"file:{quote(str(path.absolute()))}?mode={mode}"
    with closing(sqlite3.connect(address, uri=True, timeout=_PATIENCE)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return _revision(tables, lambda: [number for (number,) in database.execute(_REVISION)])


def _revision(tables: list[str], read: Callable[[], Sequence[str]]) -> str | None:
    """Return the revision of a database with these tables; None where no MLflow finished creating it."""
    if not tables:
        return _NOTHING
    found = read() if _TABLE in tables else []
    return found[0] if len(found) == 1 else None


def _check(revision: str | None, shown: str, must_exist: bool) -> None:
    from alembic.script import ScriptDirectory

    if revision == _NOTHING:
        if must_exist:
            raise TrackingError(
                f"MLflow at {shown}: is empty; run a job first, or give another with --tracking-uri"
            )
        return
    if revision is None:
        raise TrackingError(
            f"MLflow at {shown}: is no store of MLflow's, or was made half; give another, or restore a copy"
        )
    scripts = ScriptDirectory(str(_package() / "store" / "db_migrations"))
    if revision == scripts.get_current_head():
        return
    ours = f"MLflow {version('mlflow')}"
    if revision not in {one.revision for one in scripts.walk_revisions()}:
        raise TrackingError(
            f"MLflow at {shown}: its schema {revision} is unknown to {ours}; install the MLflow that made it"
        )
    raise TrackingError(
        f"MLflow at {shown}: was made by an older MLflow (schema {revision}), and {ours} would change it; "
        f"make a copy, then run `mlflow db upgrade {shown}`"
    )


def _package() -> Path:
    """Return MLflow's folder without importing it."""
    spec = find_spec("mlflow")
    if spec is None or spec.origin is None:
        raise TrackingError("MLflow: is not installed; install mlflow")
    return Path(spec.origin).parent
