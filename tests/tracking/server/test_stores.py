"""A store of another MLflow, or none at all: nobody changes it unasked, and whoever only reads makes none."""

import hashlib
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from inc_mlflow.errors import TrackingError
from inc_mlflow.tracking.server.connection import Stores, connected

EXPERIMENT = ("--experiment", "fleet")
READING = (("best", *EXPERIMENT), ("history", "digits"), ("verify", "digits"), ("verify", "digits", "--deep"))
WRITING = (
    ("rollback", "digits", "--reason", "why"),
    ("freeze", "digits", "--reason", "why"),
    ("promote", "--requested"),
    ("promote", "--run", "0" * 32),
    ("approve", "0" * 32),
)
COMMANDS = [*READING, *WRITING]


def names(commands):
    return [" ".join(one[:2]) for one in commands]


def downgraded(path, steps):
    """Bring a store back to how an older MLflow left it, by MLflow's own scripts; return its revision."""
    import mlflow
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine, text

    config, engine = Config(), create_engine(f"sqlite:///{path}")
    config.set_main_option("script_location", str(Path(mlflow.__file__).parent / "store" / "db_migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, f"-{steps}")
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    engine.dispose()
    return revision


def marked(path, statement):
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(statement)


@pytest.fixture(scope="session", params=[1, 10], ids=lambda steps: f"{steps} before")
def older(request, empty_store, tmp_path_factory):
    """An older store and its revision: where tables are missing, MLflow creates them and migrates all
    others."""
    path = tmp_path_factory.mktemp("older") / "mlflow.db"
    shutil.copyfile(empty_store, path)
    return path, downgraded(path, request.param)


def state(folder):
    """Everything below a folder, with what is in it and when it was written."""
    files = sorted(one for one in folder.rglob("*") if one.is_file())
    return {one: (hashlib.sha256(one.read_bytes()).hexdigest(), one.stat().st_mtime_ns) for one in files}


def ask(call, command, path):
    return call(*command, "--tracking-uri", f"sqlite:///{path}")


@pytest.mark.parametrize("command", COMMANDS, ids=names(COMMANDS))
def test_an_older_store_is_refused_with_what_to_run_and_stays_as_it_is(call, older, command):
    path, revision = older
    before = state(path.parent)
    code, out, err = ask(call, command, path)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert f"was made by an older MLflow (schema {revision})" in err
    assert err.endswith(f"make a copy, then run `mlflow db upgrade sqlite:///{path}`\n")
    assert state(path.parent) == before


@pytest.mark.slow
def test_a_job_with_an_older_store_is_refused_and_stays_as_it_is(older, measured, tmp_path, monkeypatch):
    path, _ = older
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{path}")
    before = state(path.parent)
    with pytest.raises(TrackingError, match="was made by an older MLflow"):
        measured.track(tmp_path)
    assert state(path.parent) == before


def test_the_page_of_an_older_store_is_refused_too(older, call, tmp_path):
    folder = tmp_path / ".inc-mlflow"
    folder.mkdir()
    shutil.copyfile(older[0], folder / "mlflow.db")
    before = state(folder)
    code, out, err = call("ui", tmp_path)
    assert (code, out, "was made by an older MLflow" in err, state(folder)) == (2, "", True, before)


@pytest.mark.slow
def test_what_the_message_says_mends_it(older, call, tmp_path):
    shutil.copyfile(older[0], tmp_path / "mlflow.db")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    subprocess.run([sys.executable, "-m", "mlflow", "db", "upgrade", uri], check=True, capture_output=True)
    assert call("promote", "--requested", "--tracking-uri", uri) == (0, "", "no request waits\n")


def test_a_store_of_a_newer_mlflow_is_refused(call, empty_store, tmp_path):
    shutil.copyfile(empty_store, tmp_path / "mlflow.db")
    marked(tmp_path / "mlflow.db", "UPDATE alembic_version SET version_num = 'ffffffffffff'")
    code, _, err = ask(call, ("promote", "--requested"), tmp_path / "mlflow.db")
    assert (code, "its schema ffffffffffff is unknown to MLflow" in err) == (2, True)


def test_the_database_of_something_else_gets_no_tables(call, tmp_path):
    marked(tmp_path / "mlflow.db", "CREATE TABLE of_somebody (number INTEGER)")
    before = state(tmp_path)
    for command in (("best", *EXPERIMENT), ("promote", "--requested")):
        code, _, err = ask(call, command, tmp_path / "mlflow.db")
        assert (code, "is no store of MLflow's" in err) == (2, True)
    assert state(tmp_path) == before


def test_a_file_that_is_no_database_is_one_line(call, tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"torn in two" * 1000)
    code, _, err = ask(call, ("history", "digits"), tmp_path / "mlflow.db")
    assert (code, err.count("\n"), "is no SQLite database" in err) == (2, 1, True)


@pytest.mark.parametrize("command", READING, ids=names(READING))
def test_reading_a_store_that_is_not_there_makes_none(call, command, tmp_path):
    code, out, err = ask(call, command, tmp_path / "nowhere" / "mlflow.db")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "does not exist; run a job first" in err
    assert list(tmp_path.iterdir()) == []


def test_reading_an_empty_file_leaves_it_empty_and_writing_makes_a_store_of_it(call, tmp_path):
    """As a power cut leaves one."""
    (tmp_path / "mlflow.db").touch()
    assert "is empty; run a job first" in ask(call, ("history", "digits"), tmp_path / "mlflow.db")[2]
    assert (tmp_path / "mlflow.db").stat().st_size == 0
    assert ask(call, ("promote", "--requested"), tmp_path / "mlflow.db")[0] == 0


def test_a_store_that_others_write_to_is_waited_for_and_then_told(store, monkeypatch):
    monkeypatch.setattr("inc_mlflow.tracking.server.schema._PATIENCE", 0.2)
    with closing(sqlite3.connect(store.folder / "mlflow.db", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with (
            pytest.raises(
                TrackingError, match=r"^MLflow at sqlite:///.*: the database is locked: another process"
            ),
            connected(store.stores),
        ):
            pass


def test_a_store_in_the_middle_of_whose_writing_a_kill_came_is_read(tmp_path):
    """SQLite undoes the half of it; without leave to write it could not."""
    path = tmp_path / "mlflow.db"
    with connected(Stores(f"sqlite:///{path}", f"sqlite:///{path}")) as client:
        client.create_experiment("before")
    with closing(sqlite3.connect(path, isolation_level=None)) as writer:
        writer.executescript("PRAGMA cache_size = 1; BEGIN; CREATE TABLE half (a TEXT)")
        for _ in range(300):
            writer.execute("INSERT INTO half VALUES (?)", ("x" * 4000,))
        journal = path.with_name("mlflow.db-journal")
        shutil.copyfile(journal, tmp_path / "kept journal")
        shutil.copyfile(path, tmp_path / "kept")
    shutil.copyfile(tmp_path / "kept", path)
    shutil.copyfile(tmp_path / "kept journal", journal)
    with connected(Stores(f"sqlite:///{path}", f"sqlite:///{path}")) as client:
        assert client.get_experiment_by_name("before") is not None


@pytest.mark.slow
def test_the_database_of_a_server_is_treated_alike(postgres_server):
    from sqlalchemy import create_engine, text

    uri = postgres_server.create("older")
    stores = Stores(uri, uri)
    with pytest.raises(TrackingError, match="is empty; run a job first"), connected(stores, must_exist=True):
        pass
    with connected(stores) as client:
        client.create_experiment("made")
    engine = create_engine(uri)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '75868b020152'"))
    engine.dispose()
    for made in (True, False):
        with (
            pytest.raises(TrackingError, match="was made by an older MLflow"),
            connected(stores, must_exist=made),
        ):
            pass
