"""wait against a stub of Kubeflow's API server: it tells how tasks fare and exits by the verdict."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.kubeflow_stub import API, json_error, task

PROGRAM = Path(sys.executable).with_name("inc-mlflow")
MLFLOW = "http://mlflow.invalid"


FAILED = [
    task("root", "FAILED", 9),
    task("evaluate-driver", "FAILED", 1),
    task("intel · evaluate", "FAILED", 5, "exit\ncode 2"),
    task("import", "SUCCEEDED", 3),
]


@pytest.fixture
def fast(monkeypatch):
    monkeypatch.setattr("inc_mlflow.pipelines.wait._INTERVAL", 0.01)
    monkeypatch.setattr("inc_mlflow.pipelines.wait._PATIENCE", 0.5)


WAITED = [
    ("PENDING", []),
    ("RUNNING", [task("import", "RUNNING"), task("import-driver", "SUCCEEDED")]),
    ("RUNNING", [task("import", "SUCCEEDED", 1), task("intel · benchmark", "RUNNING")]),
    ("SUCCEEDED", [task("import", "SUCCEEDED", 1), task("intel · benchmark", "SUCCEEDED", 2)]),
]


@pytest.mark.parametrize(("verdict", "exit_code"), [("pass", 0), ("fail", 3), ("inconclusive", 4)])
def test_wait_tells_how_tasks_fare_and_exits_by_the_verdict(
    call, kubeflow, fast, monkeypatch, verdict, exit_code
):
    asked = []
    monkeypatch.setenv("MLFLOW_TRACKING_URI", MLFLOW)
    monkeypatch.setattr(
        "inc_mlflow.pipelines.wait.verdict_of", lambda *given: (asked.append(given), verdict)[1]
    )
    kubeflow.states = list(WAITED)
    code, out, err = call("wait", "r1", "--host", kubeflow.url, "--json")
    assert code == exit_code, err
    assert json.loads(out) == {"run": "r1", "url": f"{kubeflow.url}/#/runs/details/r1", "verdict": verdict}
    changes = [
        "import: running",
        "import: succeeded",
        "intel · benchmark: running",
        "intel · benchmark: succeeded",
    ]
    assert err.splitlines() == changes
    assert [(server.tracking_uri, session) for server, session in asked] == [(MLFLOW, "r1")]


VERDICTS = """
import sys
from mlflow import MlflowClient
from inc_mlflow.tracking.server.connection import Server
from inc_mlflow.tracking.runs.verdicts import verdict_of

client = MlflowClient(sys.argv[1])
others = client.create_experiment("others")
for experiment, session, verdict in [("0", "r1", "pass"), ("0", "r1", "fail"), (others, "r2", "fail"), (others, "r2", None)]:
    tags = {"inc.session": session} | ({"inc.verdict": verdict} if verdict else {})
    client.create_run(experiment, tags=tags)
print([verdict_of(Server(sys.argv[1], sys.argv[1], "", ""), run) for run in ("r1", "r2", "r3")])
"""


@pytest.mark.slow
def test_the_verdict_is_the_one_that_the_runs_of_a_session_agree_on(kubeflow, tmp_path):
    """A real store; MLflow's own warnings are no errors in a process of its own."""
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    environment = os.environ | {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_TRACKING_URI": uri,
    }
    script = [sys.executable, "-c", VERDICTS, uri]
    done = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "[None, 'fail', None]\n", done.stderr
    kubeflow.states = [("SUCCEEDED", [])]
    for run, code, says in [("r2", 3, ""), ("r3", 2, "run r3: its verdict is not known")]:
        ended = subprocess.run(
            [PROGRAM, "wait", run, "--host", kubeflow.url],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == code, ended.stderr
        assert says in ended.stderr


def test_a_failed_run_names_the_task_that_failed_first(refused, kubeflow, fast, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", MLFLOW)
    kubeflow.states = [("RUNNING", []), ("FAILED", FAILED)]
    refused(
        "wait",
        "r1",
        "--host",
        kubeflow.url,
        holds=["run r1: failed at task 'intel · evaluate' (exit code 2); see", "/#/runs/details/r1"],
    )


@pytest.mark.parametrize("state", ["CANCELED", "SKIPPED"])
def test_a_run_that_ended_otherwise_is_no_success(refused, kubeflow, fast, monkeypatch, state):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", MLFLOW)
    kubeflow.states = [(state, [])]
    refused("wait", "r1", "--host", kubeflow.url, holds=[f"run r1: {state.lower()}; see"])


def test_waiting_outlives_a_server_that_is_renewed(refused, kubeflow, fast, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", MLFLOW)
    kubeflow.states = [("FAILED", [])]
    answers = iter([json_error(503, "starting")] * 3)
    usual = type(kubeflow).answer
    path = f"{API}/runs/r1"
    monkeypatch.setattr(
        type(kubeflow),
        "answer",
        lambda self, asked: (asked.path == path and next(answers, None)) or usual(self, asked),
    )
    refused("wait", "r1", "--host", kubeflow.url, holds=["run r1: failed"])


@pytest.mark.parametrize(
    ("status", "says"),
    [(503, "failed (503: gone)"), (404, "refuses (404: gone)"), (401, "refuses the token (401: gone)")],
)
def test_waiting_ends_where_the_server_refuses_for_good(refused, kubeflow, fast, monkeypatch, status, says):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", MLFLOW)
    kubeflow.answers[f"{API}/runs/r1"] = json_error(status, "gone")
    refused("wait", "r1", "--host", kubeflow.url, holds=[says])


def test_the_token_is_read_for_every_request(call, kubeflow, fast, monkeypatch, tmp_path):
    """Kubernetes renews a pod's token in place, and a person's may be too."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", MLFLOW)
    token = tmp_path / "token"
    token.write_text("one")
    kubeflow.states = [("RUNNING", []), ("FAILED", [])]
    usual = type(kubeflow)._run
    monkeypatch.setattr(
        type(kubeflow), "_run", lambda self, run: (token.write_text("two"), usual(self, run))[1]
    )
    call("wait", "r1", "--host", kubeflow.url, "--token-file", token)
    assert kubeflow.asked[-1].headers["authorization"] == "Bearer two"


def test_submit_waits_when_it_is_asked_to(submit, kubeflow, fast):
    kubeflow.states = [("FAILED", FAILED)]
    code, out, err = submit("--wait", "--json")
    assert (code, out) == (2, "")
    (run,) = kubeflow.runs
    assert f"`inc-mlflow wait {run}` looks again" in err
    assert f"run {run}: failed at task 'intel · evaluate'" in err.splitlines()[-1]


def test_wait_says_who_knows_the_verdict(refused, kubeflow):
    refused(
        "wait",
        "r1",
        "--host",
        kubeflow.url,
        holds=["JOB: only MLflow knows the verdict", "MLFLOW_TRACKING_URI"],
    )
