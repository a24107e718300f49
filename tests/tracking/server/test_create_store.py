"""A new store waits for the disk once, at its end; whoever writes to it later waits as ever."""

import sqlite3
from contextlib import closing

import mlflow
import pytest
from sqlalchemy import create_engine, text

from inc_mlflow.tracking.server.create_store import create_store

RECORDED = "SELECT version_num FROM alembic_version"


def journal_of(path):
    """How a connection of SQLAlchemy's keeps what it may have to roll back."""
    engine = create_engine(f"sqlite:///{path}")
    with engine.connect() as connection:
        mode = connection.execute(text("PRAGMA journal_mode")).scalar_one()
    engine.dispose()
    return mode


def test_only_while_it_is_made_nothing_waits_for_the_disk(tmp_path, monkeypatch):
    seen, client = [], mlflow.MlflowClient

    def watched(uri):
        seen.append(journal_of(tmp_path / "beside.db"))
        return client(uri)

    monkeypatch.setattr(mlflow, "MlflowClient", watched)
    create_store(tmp_path / "mlflow.db")
    assert (seen, journal_of(tmp_path / "mlflow.db")) == (["memory"], "delete")


def test_one_that_cannot_be_made_leaves_connections_as_they_were(tmp_path, monkeypatch):
    def broken(uri):
        raise RuntimeError("no tables")

    monkeypatch.setattr(mlflow, "MlflowClient", broken)
    with pytest.raises(RuntimeError, match="no tables"):
        create_store(tmp_path / "mlflow.db")
    assert journal_of(tmp_path / "other.db") == "delete"
    assert not (tmp_path / "mlflow.db").exists()


def test_it_is_whole_and_a_second_call_leaves_it(tmp_path):
    path = tmp_path / "mlflow.db"
    create_store(path)
    with closing(sqlite3.connect(path)) as database:
        assert len(database.execute(RECORDED).fetchall()) == 1
    made = path.stat()
    create_store(path)
    assert path.stat().st_mtime_ns == made.st_mtime_ns
    assert sorted(one.name for one in tmp_path.iterdir()) == [".mlflow.db.lock", "mlflow.db"]
