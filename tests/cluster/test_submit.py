"""submit and wait against a stub of Kubeflow's API server."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from stub import API, task

from inc_mlflow.pipelines.endpoint import Endpoint
from inc_mlflow.pipelines.submit import Order, start

PROGRAM = Path(sys.executable).with_name("inc-mlflow")
MLFLOW = "http://mlflow.invalid"


@pytest.fixture
def placed(tmp_path):
    """A package of two documents: what runs, and where Kubernetes puts it."""
    from kfp import compiler, dsl, kubernetes

    @dsl.container_component
    def step():
        return dsl.ContainerSpec("image", ["true"])

    @dsl.pipeline(name="one")
    def one():
        kubernetes.add_node_selector(step(), "kubernetes.io/arch", "arm64")

    compiler.Compiler().compile(one, str(tmp_path / "package.yaml"))
    return tmp_path / "package.yaml"


@pytest.fixture
def submit(call, digits, kubeflow, tmp_path, monkeypatch):
    """Submit the example with these options."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", MLFLOW)

    def inner(*options):
        return call("submit", digits, "--host", kubeflow.url, "--pipeline-root", f"file://{tmp_path}/store", *options)

    return inner


def submitted(kubeflow):
    """Return the one run that arrived."""
    (run,) = kubeflow.posts("/runs")
    assert len(kubeflow.posts("/experiments")) == 1
    return run


def test_exactly_one_experiment_and_one_run_arrive(submit, kubeflow, tmp_path, digits):
    (tmp_path / "token").write_text("secret-token\n")
    code, out, err = submit(
        "--token-file", tmp_path / "token", "--experiment", "exp", "--run-name", "my run", "--service-account", "sa"
    )
    assert code == 0, err
    run = submitted(kubeflow)
    (run_id,) = kubeflow.runs
    assert out == f"run: {run_id}\nurl: {kubeflow.url}/#/runs/details/{run_id}\n"
    assert {one.headers["authorization"] for one in kubeflow.asked} == {"Bearer secret-token"}
    assert run.body["display_name"] == "my run"
    assert run.body["service_account"] == "sa"
    assert run.body["experiment_id"] in kubeflow.experiments
    assert run.body["runtime_config"] == {"parameters": {}, "pipeline_root": f"file://{tmp_path}/store"}
    job = json.loads(spec_of(run)["root"]["inputDefinitions"]["parameters"]["job"]["defaultValue"])
    assert set(job["bundle"]["files"]) == {"fp32.onnx", "calib.npz", "tune.npz", "dev.npz"}
    assert job["tracking"]["uri"] == MLFLOW, "pods talk to the server that is meant here"
    assert "secret-token" not in json.dumps(run.body) + out + err
    assert str(digits.parent) not in json.dumps(run.body)


def spec_of(run):
    return run.body["pipeline_spec"].get("pipeline_spec", run.body["pipeline_spec"])


def test_both_documents_arrive(kubeflow, placed):
    start(placed, Endpoint(kubeflow.url, kubeflow.url, None, None), Order("exp", "run"))
    spec, platform = yaml.safe_load_all(placed.read_text())
    arrived = submitted(kubeflow).body["pipeline_spec"]
    assert arrived["pipeline_spec"]["root"] == spec["root"]
    assert arrived["platform_spec"] == platform
    assert "arm64" in json.dumps(arrived["platform_spec"])


def test_a_second_submit_makes_a_run_and_no_experiment(submit, kubeflow):
    assert [submit()[0], submit()[0]] == [0, 0]
    assert (len(kubeflow.posts("/experiments")), len(kubeflow.posts("/runs"))) == (1, 2)
    names = {run["display_name"] for run in kubeflow.runs.values()}
    assert len(names) == 2
    assert all(name.startswith("digits ") for name in names)


@pytest.mark.parametrize("path", ["/runs", "/experiments"])
def test_a_lost_answer_makes_nothing_twice(submit, kubeflow, path):
    kubeflow.lost.add(API + path)
    code, out, err = submit("--run-name", "again")
    assert code == 0, err
    submitted(kubeflow)
    assert next(iter(kubeflow.runs)) in out


def answer_once(kubeflow, monkeypatch, path, instead):
    """Do what the next POST asks for, and give another answer."""
    usual, waiting = kubeflow.answer, [API + path]

    def answer(asked):
        done = usual(asked)
        if asked.method == "POST" and asked.path in waiting:
            waiting.clear()
            return instead
        return done

    monkeypatch.setattr(kubeflow, "answer", answer)


@pytest.mark.parametrize("path", ["/runs", "/experiments"])
def test_nor_does_a_gateway_that_gave_up(submit, kubeflow, monkeypatch, path):
    answer_once(kubeflow, monkeypatch, path, (504, "text/html", b"<html>"))
    code, out, err = submit("--run-name", "again")
    assert code == 0, err
    submitted(kubeflow)
    assert next(iter(kubeflow.runs)) in out


def test_an_experiment_that_somebody_else_makes_at_the_same_moment_is_taken(submit, kubeflow, monkeypatch):
    answer_once(kubeflow, monkeypatch, "/experiments", json_error(409, "already exists"))
    assert submit()[0] == 0
    submitted(kubeflow)


def test_an_older_run_of_that_name_is_not_taken_for_the_lost_one(submit, kubeflow):
    submit("--run-name", "again")
    (old,) = kubeflow.runs
    kubeflow.lost.add(f"{API}/runs")
    code, out, err = submit("--run-name", "again", "--json")
    assert code == 0, err
    assert json.loads(out)["run"] in set(kubeflow.runs) - {old}


def test_a_lost_answer_without_a_run_is_refused_and_not_tried_again(submit, kubeflow, monkeypatch):
    kubeflow.lost.add(f"{API}/runs")
    monkeypatch.setattr(type(kubeflow), "_made", forgetful(type(kubeflow)._made))
    code, _, err = submit("--run-name", "again")
    assert code == 2
    assert "did not answer (('Connection aborted.'" in err.splitlines()[-1]
    assert "and has no new runs called 'again'; look at" in err.splitlines()[-1]
    assert len(kubeflow.posts("/runs")) == 1


def forgetful(made):
    def inner(self, table, key, asked, plural):
        answer = made(self, table, key, asked, plural)
        if asked.method == "POST" and plural == "runs":
            table.clear()
        return answer

    return inner


def test_with_json_submit_prints_one_object_and_says_the_rest_elsewhere(submit, kubeflow):
    code, out, err = submit("--json")
    assert code == 0
    assert set(json.loads(out)) == {"run", "url"}
    assert "  fp32.onnx  0.40 MB" in err


def test_environment_variables_of_kubeflow_are_honoured(call, digits, kubeflow, tmp_path, monkeypatch):
    (tmp_path / "token").write_text("from-the-environment")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", MLFLOW)
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", kubeflow.url)
    monkeypatch.setenv("KF_PIPELINES_UI_ENDPOINT", "https://ui/pipeline")
    monkeypatch.setenv("KF_PIPELINES_DEFAULT_EXPERIMENT_NAME", "shared")
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "token"))
    code, out, err = call("submit", digits, "--pipeline-root", f"file://{tmp_path}/store", "--json")
    assert code == 0, err
    assert json.loads(out)["url"].startswith("https://ui/pipeline/#/runs/details/")
    assert {one["display_name"] for one in kubeflow.experiments.values()} == {"shared"}
    assert kubeflow.asked[-1].headers["authorization"] == "Bearer from-the-environment"


def test_options_come_before_the_environment(submit, kubeflow, tmp_path, monkeypatch):
    (tmp_path / "token").write_text("option")
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", "http://nowhere.invalid")
    monkeypatch.setenv("KF_PIPELINES_DEFAULT_EXPERIMENT_NAME", "shared")
    monkeypatch.setenv("KF_PIPELINES_SA_TOKEN_PATH", str(tmp_path / "nothing"))
    code, _, err = submit("--experiment", "mine", "--token-file", tmp_path / "token")
    assert code == 0, err
    assert {one["display_name"] for one in kubeflow.experiments.values()} == {"mine"}
    assert kubeflow.asked[-1].headers["authorization"] == "Bearer option"


def test_in_a_pod_the_clusters_own_server_is_meant(monkeypatch):
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    assert Endpoint.of(None, None, None).host == "http://ml-pipeline.kubeflow.svc.cluster.local:8888"


def test_where_a_server_has_several_users_the_namespace_travels(submit, kubeflow):
    kubeflow.multi_user = True
    code, _, err = submit("--namespace", "team-a")
    assert code == 0, err
    assert kubeflow.posts("/experiments")[0].body["namespace"] == "team-a"
    assert {one.query["namespace"] for one in kubeflow.asked if (one.method, one.path) == ("GET", f"{API}/experiments")} == {
        "team-a"
    }


def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


WEB_PAGE = (200, "text/html", b"<html>Sign in</html>")


def json_error(status, message):
    return status, "application/json", json.dumps({"error": message, "code": 16, "message": message}).encode()


@pytest.mark.parametrize(
    ("path", "answer", "holds"),
    [
        ("/healthz", WEB_PAGE, ["answers with a web page", "--token-file"]),
        ("/healthz", (404, "text/plain", b"404 page not found"), ["is no Kubeflow server (404)", "/apis/v2beta1"]),
        ("/healthz", (401, "text/html", b"<html>"), ["refuses the token (401)", "renew it"]),
        ("/healthz", (403, "text/plain", b"RBAC: access denied"), ["refuses the token (403)"]),
        ("/experiments", json_error(401, "token is expired"), ["refuses the token (401: token is expired)"]),
        ("/healthz", (503, "text/html", b"<html>"), ["failed (503)", "try again"]),
        (
            "/runs",
            json_error(500, "no such\nservice account"),
            ["failed (500: no such service account)"],
        ),
        ("/experiments", json_error(400, "Namespace is empty"), ["refuses (400: Namespace is empty)"]),
    ],
)
def test_what_a_server_refuses_is_one_line(submit, refused, kubeflow, tmp_path, digits, path, answer, holds):
    kubeflow.answers[API + path] = answer
    (tmp_path / "token").write_text("secret-token")
    begun = time.monotonic()
    options = ["--host", kubeflow.url, "--pipeline-root", f"file://{tmp_path}/store", "--token-file", tmp_path / "token"]
    line = refused("submit", digits, *options, holds=["--host: " + kubeflow.url, *holds])
    assert "secret-token" not in line
    assert kubeflow.runs == {}
    assert (tmp_path / "store").exists() == (path != "/healthz"), "nothing is uploaded to a cluster that does not answer"
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize(
    ("options", "holds"),
    [
        (["--host", "http://no-such-host.invalid"], ["cannot be reached", "resolve"]),
        (["--host", f"http://127.0.0.1:{closed_port()}"], ["cannot be reached", "Connection refused"]),
        (["--host", f"127.0.0.1:{closed_port()}"], ["https://127.0.0.1", "cannot be reached"]),
        (["--host", "http://me:pw@kfp"], ["no user or password in a URL"]),
        ([], ["--host: no Kubeflow server", "KF_PIPELINES_ENDPOINT"]),
        (["--host", "http://kfp", "--token-file", "nothing"], ["--token-file: nothing cannot be read (No such file"]),
    ],
)
def test_a_server_that_is_not_there_is_one_line_within_seconds(refused, digits, monkeypatch, options, holds):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", MLFLOW)
    begun = time.monotonic()
    line = refused("submit", digits, *options, holds=holds)
    assert "pw" not in line
    assert time.monotonic() - begun < 10


def test_the_program_prints_that_line_alone(digits):
    """In a process of its own, where nothing of pytest's takes warnings and logs away."""
    command = [PROGRAM, "submit", digits, "--host", f"http://127.0.0.1:{closed_port()}"]
    ended = subprocess.run(
        command, env=os.environ | {"MLFLOW_TRACKING_URI": MLFLOW}, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1, ended.stderr


def test_a_server_that_accepts_and_never_answers_is_one_line(refused, digits, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", MLFLOW)
    monkeypatch.setattr("inc_mlflow.pipelines.client._PRESENCE", (0.2, 0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        host = f"http://127.0.0.1:{silent.getsockname()[1]}"
        refused("submit", digits, "--host", host, holds=[f"--host: {host} cannot be reached (Read timed out"])


def test_a_missing_namespace_is_refused(submit, kubeflow):
    kubeflow.multi_user = True
    code, out, err = submit()
    assert (code, out) == (2, "")
    assert err == f"inc-mlflow: --namespace: {kubeflow.url} has several users; name the namespace of yours\n"


@pytest.mark.parametrize("uri", [None, "sqlite:///mlflow.db", "file:///mlruns", "mlruns"])
def test_a_local_store_is_refused(refused, digits, kubeflow, monkeypatch, uri):
    if uri is not None:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    refused("submit", digits, "--host", kubeflow.url, holds=["tracking.uri: a local MLflow store", "MLFLOW_TRACKING_URI"])
    assert kubeflow.asked == []


def test_local_files_need_a_place(refused, digits, kubeflow, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", MLFLOW)
    refused("submit", digits, "--host", kubeflow.url, holds=["--pipeline-root: the job reads local files (fp32.onnx, "])
    assert kubeflow.runs == {}


SECRETS = {
    "AWS key": "AKIA" + "A1B2C3D4E5F6G7H8",
    "signed URL": "https://x/y?X-Amz-Signature=0",
    "URL": "postgresql://me:pw@host/db",
    "JWT": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
    "own": "my-own-secret",
    "private key": "-----BEGIN RSA PRIVATE KEY-----",
}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_in_the_job_is_refused_and_not_repeated(submit, digits, kubeflow, monkeypatch, kind):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRETS["own"])
    spec = yaml.safe_load(digits.read_text())
    spec["metric"] = {"name": "top1", "options": {"comment": f"a {SECRETS[kind]}"}}
    digits.write_text(yaml.safe_dump(spec))
    code, out, err = submit()
    assert (code, out) == (2, "")
    assert err.startswith("inc-mlflow: job: holds ")
    assert SECRETS[kind] not in err
    assert kubeflow.asked == []


def test_a_password_in_the_tracking_uri_is_refused_and_not_repeated(submit, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:hush@mlflow")
    code, _, err = submit()
    assert code == 2
    assert "MLFLOW_TRACKING_PASSWORD" in err
    assert "hush" not in err


def test_an_unknown_pipeline_is_refused_before_anything_is_uploaded(submit, tmp_path):
    code, _, err = submit("--pipeline", "int9")
    assert code == 2
    assert "did you mean 'int8'?" in err
    assert not (tmp_path / "store").exists()


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
def test_wait_tells_how_tasks_fare_and_exits_by_the_verdict(call, kubeflow, fast, monkeypatch, verdict, exit_code):
    asked = []
    monkeypatch.setenv("MLFLOW_TRACKING_URI", MLFLOW)
    monkeypatch.setattr("inc_mlflow.pipelines.wait.verdict_of", lambda *given: (asked.append(given), verdict)[1])
    kubeflow.states = list(WAITED)
    code, out, err = call("wait", "r1", "--host", kubeflow.url, "--json")
    assert code == exit_code, err
    assert json.loads(out) == {"run": "r1", "url": f"{kubeflow.url}/#/runs/details/r1", "verdict": verdict}
    changes = ["import: running", "import: succeeded", "intel · benchmark: running", "intel · benchmark: succeeded"]
    assert err.splitlines() == changes
    assert [(server.tracking_uri, session) for server, session in asked] == [(MLFLOW, "r1")]


VERDICTS = """
import sys
from mlflow import MlflowClient
from inc_mlflow.tracking.server import Server
from inc_mlflow.tracking.verdicts import verdict_of

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
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", "MLFLOW_TRACKING_URI": uri}
    script = [sys.executable, "-c", VERDICTS, uri]
    done = subprocess.run(script, env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "[None, 'fail', None]\n", done.stderr
    kubeflow.states = [("SUCCEEDED", [])]
    for run, code, says in [("r2", 3, ""), ("r3", 2, "run r3: its verdict is not known")]:
        ended = subprocess.run(
            [PROGRAM, "wait", run, "--host", kubeflow.url], env=environment, capture_output=True, text=True, check=False
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
        type(kubeflow), "answer", lambda self, asked: (asked.path == path and next(answers, None)) or usual(self, asked)
    )
    refused("wait", "r1", "--host", kubeflow.url, holds=["run r1: failed"])


@pytest.mark.parametrize(
    ("status", "says"), [(503, "failed (503: gone)"), (404, "refuses (404: gone)"), (401, "refuses the token (401: gone)")]
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
    monkeypatch.setattr(type(kubeflow), "_run", lambda self, run: (token.write_text("two"), usual(self, run))[1])
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
    refused("wait", "r1", "--host", kubeflow.url, holds=["JOB: only MLflow knows the verdict", "MLFLOW_TRACKING_URI"])


def test_compile_for_a_cluster_takes_local_files_along_or_refuses_them(refused, call, digits, tmp_path):
    text = digits.read_text()
    assert "pools:" not in text
    digits.write_text(f"{text}\npools: [intel]\n")
    package = tmp_path / "package.yaml"
    refused("compile", digits, "-o", package, holds=["model: fp32.onnx is a local path, a cluster cannot see it; use submit"])
    assert not package.exists()
    code, _, err = call("compile", digits, "-o", package, "--bundle", f"file://{tmp_path}/store")
    assert code == 0, err
    assert f"file://{tmp_path}/store/inc-mlflow/files" in package.read_text()
    assert Path(f"{tmp_path}/store/inc-mlflow/files").is_dir()
