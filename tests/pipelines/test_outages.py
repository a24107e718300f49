"""A server that is killed while a job runs: nothing is measured twice, and everything arrives once."""

import hashlib
import json

import pytest

from inc_mlflow.errors import StaleError
from inc_mlflow.pipelines import run
from inc_mlflow.spec import Job
from tests.support.mlflow_server import mlflow_server
from tests.support.pipeline_runs import before, check_store, copy_of, state_of, wait_for

pytestmark = pytest.mark.slow


@pytest.fixture
def job(undisturbed, tmp_path):
    """A job that is done up to its evaluation, in a store of its own."""
    return before(copy_of(undisturbed.job, tmp_path / "digits"), "benchmark")


@pytest.fixture
def server(job, tmp_path):
    """A server on the store where the tests of this folder look for one."""
    (tmp_path / "server").mkdir()
    with mlflow_server(
        tmp_path / "server", backend_uri=f"sqlite:///{job.parent / '.inc-mlflow' / 'mlflow.db'}"
    ) as made:
        yield made


def latencies(folder):
    """Digests of all raw measurements below a folder."""
    return sorted(hashlib.sha256(file.read_bytes()).hexdigest() for file in folder.rglob("latencies.npz"))


def test_a_server_killed_while_speed_is_measured_gets_the_measurement_later_and_once(
    job, server, start, tmp_path
):
    first = start(job, MLFLOW_TRACKING_URI=server.url)
    assert wait_for((state_of(job) / "benchmark.pid").exists, first), first.err[-3000:]
    server.kill()
    assert first.wait() == 2
    pending, line = json.loads(first.out), first.err.splitlines()[-1]
    assert line.startswith(f"inc-mlflow: MLflow at {server.url}: cannot be reached")
    assert str(state_of(job)) in line
    assert (pending["verdict"], pending["champion"], pending["tracking"]) == ("pass", None, None)
    measured = latencies(state_of(job) / "benchmark")
    assert len(measured) == 1

    server.start()
    second = start(job, MLFLOW_TRACKING_URI=server.url)
    assert second.wait() == 0, second.err[-3000:]
    result = json.loads(second.out)
    assert result["table"] == pending["table"]
    assert latencies(state_of(job) / "benchmark") == measured
    assert latencies(tmp_path / "server" / "artifacts") == measured
    logged = check_store(job, result)["runs"]
    rows = sorted(row["sha256"] for row in result["table"])
    assert sorted(run["sha256"] for run in logged if run["role"] == "measurement") == rows


@pytest.fixture
def stale(monkeypatch):
    """The pipeline ends with what promotion says where another champion came; nothing is worked."""

    def refuse(*_):
        raise StaleError("registered model 'digits': int8-champion is version 2 now; run the job again")

    monkeypatch.setattr(run, "run_local", refuse)


@pytest.mark.usefixtures("stale")
def test_a_champion_that_was_not_measured_is_asked_for_by_the_next_run(undisturbed, tmp_path):
    job = before(copy_of(undisturbed.job, tmp_path / "digits"), "tracking")
    finished = run.run_job(Job.load(job), False, print)
    assert finished.pending.endswith("run the job again")
    assert finished.result["tracking"] is finished.result["champion"] is None
    assert len(finished.result["table"]) == len(undisturbed.result["table"])
    assert not (state_of(job) / "champion").exists()
    assert (state_of(job) / "evaluation").exists()


@pytest.mark.usefixtures("stale")
def test_without_a_judgement_there_is_nothing_to_show(job):
    with pytest.raises(StaleError):
        run.run_job(Job.load(job), False, print)
