"""A disk that fills under MLflow's store: one line that says so, and no SQL, also in MLflow's log."""

import os

import pytest

from inc_mlflow.errors import TrackingError
from inc_mlflow.tracking.server.connection import Stores, connected

FULL = r"^MLflow at sqlite:///\S+: (\S+: )?the disk is full; free some space"


@pytest.fixture
def full(small_disk):
    """A store with a run, on a disk without room for one page more."""
    disk = small_disk("disk", 4000)
    stores = Stores(f"sqlite:///{disk}/mlflow.db", f"sqlite:///{disk}/mlflow.db")
    with connected(stores) as client:
        experiment = client.create_experiment("full", artifact_location=(disk / "artifacts").as_uri())
        run_id = client.create_run(experiment).info.run_id
    (disk / "full").write_bytes(bytes(os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize))
    return stores, run_id


def many_params(client, run_id):
    for number in range(500):
        client.log_param(run_id, f"param {number}", "x" * 6000)


def a_file(client, run_id):
    client.log_text(run_id, "x" * 10_000, "text.txt")


@pytest.mark.slow
@pytest.mark.parametrize("write", [many_params, a_file])
def test_a_full_disk_is_one_line_without_sql(full, write, capfd, caplog):
    stores, run_id = full
    with pytest.raises(TrackingError, match=FULL) as refused, connected(stores) as client:
        write(client, run_id)
    shown = [str(refused.value), *capfd.readouterr(), caplog.text]
    assert not any(word in text for text in shown for word in ("SQL:", "INSERT", "Traceback"))
