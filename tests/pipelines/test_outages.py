"""A server that is killed while a job runs: nothing is measured twice, and everything arrives once."""

import hashlib
import json

import pytest
from killing import check_store, state_of, wait_for
from mlflow_server import mlflow_server

pytestmark = pytest.mark.slow


@pytest.fixture
def job(copy_example, tmp_path):
    """The job file of a copy of the example."""
    return copy_example(tmp_path / "digits")


@pytest.fixture
def server(job, tmp_path):
    """A server for that job, on the store where tests look for one."""
    (tmp_path / "server").mkdir()
    store = job.parent / ".inc-mlflow" / "mlflow.db"
    store.parent.mkdir()
    with mlflow_server(tmp_path / "server", backend_uri=f"sqlite:///{store}") as made:
        job.write_text(job.read_text().replace("tracking: {", f"tracking: {{uri: {made.url}, "))
        yield made


def latencies(folder):
    """Digests of all raw measurements below a folder."""
    return sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.rglob("latencies.npz"))


def test_a_server_killed_while_speed_is_measured_gets_the_measurement_later_and_once(job, server, start, tmp_path):
    first = start(job)
    assert wait_for(lambda: state_of(job) and (state_of(job) / "benchmark.pid").exists(), first), first.err[-3000:]
    server.kill()
    assert first.wait() == 2
    pending, line = json.loads(first.out), first.err.splitlines()[-1]
    assert line.startswith(f"inc-mlflow: MLflow at {server.url}: cannot be reached")
    assert str(state_of(job)) in line
    assert (pending["verdict"], pending["champion"], pending["tracking"]) == ("pass", None, None)
    measured = latencies(state_of(job) / "benchmark")
    assert len(measured) == 1

    server.start()
    second = start(job)
    assert second.wait() == 0, second.err[-3000:]
    result = json.loads(second.out)
    assert result["table"] == pending["table"]
    assert latencies(state_of(job) / "benchmark") == measured
    assert latencies(tmp_path / "server" / "artifacts") == measured
    logged = check_store(job, result)["runs"]
    rows = sorted(row["sha256"] for row in result["table"])
    assert sorted(run["sha256"] for run in logged if run["role"] == "measurement") == rows
