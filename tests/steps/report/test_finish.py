"""The exit handler ends what a killed task left running, and nothing else."""

import pytest

from inc_mlflow.steps.report.finish import close_runs
from inc_mlflow.tracking.runs import candidates

pytestmark = pytest.mark.slow


@pytest.fixture
def killed(store, measured, monkeypatch):
    """Kill the logging of a job half-way; return how to do it again."""

    def kill(session="the-session"):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(candidates, "ensure_model", interrupted)
            measured.track(store.folder, session=session)

    return kill


def interrupted(*_):
    raise KeyboardInterrupt


def statuses(store):
    experiments = [one.experiment_id for one in store.client.search_experiments()]
    return {run.info.run_id: run.info.status for run in store.client.search_runs(experiments)}


def running(store):
    return {run_id for run_id, status in statuses(store).items() if status == "RUNNING"}


def test_runs_that_were_left_are_ended_and_those_of_other_sessions_are_not(store, killed, measured):
    killed("another")
    others = running(store)
    killed()
    assert len(others) == 1  # MLflow itself ended the child: an exception reached it
    assert close_runs(measured.job) == "runs of this pipeline ended as FAILED: 1"
    assert running(store) == others


def test_children_are_ended_too(store, measured, killed):
    killed()
    for run_id in statuses(store):
        store.client.update_run(run_id, status="RUNNING")  # as SIGKILL leaves them
    assert len(running(store)) == 2
    close_runs(measured.job)
    assert set(statuses(store).values()) == {"FAILED"}


def test_a_finished_session_is_left_as_it_is(store, measured):
    measured.track(store.folder)
    before = statuses(store)
    assert close_runs(measured.job) == "runs of this pipeline ended as FAILED: 0"
    assert statuses(store) == before
    assert set(before.values()) == {"FINISHED"}


def test_a_run_that_somebody_opened_is_theirs_to_end(store, measured, monkeypatch):
    run = store.client.create_run(store.client.create_experiment("kubeflow"))
    monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
    measured.track(store.folder)
    exit_task = store.client.create_run(run.info.experiment_id)
    monkeypatch.setenv("MLFLOW_RUN_ID", exit_task.info.run_id)
    close_runs(measured.job)
    assert running(store) == {run.info.run_id, exit_task.info.run_id}


def test_before_anything_was_logged_there_is_nothing_to_end(store, measured, monkeypatch):
    monkeypatch.setenv("INC_MLFLOW_SESSION", "the-session")
    assert close_runs(measured.job) == "runs of this pipeline ended as FAILED: 0"


def test_without_a_session_it_ends_nothing(store, measured, killed, monkeypatch):
    killed()
    before = running(store)
    monkeypatch.delenv("INC_MLFLOW_SESSION")
    assert close_runs(measured.job).endswith("INC_MLFLOW_SESSION does not say which they are")
    assert running(store) == before != set()


def test_a_server_that_cannot_be_reached_fails_nothing(measured, monkeypatch):
    monkeypatch.setenv("INC_MLFLOW_SESSION", "the-session")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    said = close_runs(measured.job)
    assert said.startswith(
        "runs of this pipeline may be left RUNNING: MLflow at http://127.0.0.1:9: cannot be reached"
    )


def test_a_session_that_kubeflow_did_not_fill_in_is_nobodys(store, measured, killed):
    killed("{{$.pipeline_job_uuid}}")
    before = running(store)
    said = close_runs(measured.job, "{{$.pipeline_job_uuid}}")
    assert said.startswith(
        "runs of this pipeline may be left RUNNING: session: this Kubeflow does not fill in {{$.pipeline_job"
    )
    assert running(store) == before != set()
