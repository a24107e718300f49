"""What submit refuses, and what a server that refuses or is not there looks like: one line, exit code 2."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from tests.cluster.kubeflow_stub import API, json_error

PROGRAM = Path(sys.executable).with_name("inc-mlflow")
MLFLOW = "http://mlflow.invalid"


def closed_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


WEB_PAGE = (200, "text/html", b"<html>Sign in</html>")


@pytest.mark.parametrize(
    ("path", "answer", "holds"),
    [
        ("/healthz", WEB_PAGE, ["answers with a web page", "--token-file"]),
        (
            "/healthz",
            (404, "text/plain", b"404 page not found"),
            ["is no Kubeflow server (404)", "/apis/v2beta1"],
        ),
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
    options = [
        "--host",
        kubeflow.url,
        "--pipeline-root",
        f"file://{tmp_path}/store",
        "--token-file",
        tmp_path / "token",
    ]
    line = refused("submit", digits, *options, holds=["--host: " + kubeflow.url, *holds])
    assert "secret-token" not in line
    assert kubeflow.runs == {}
    assert (tmp_path / "store").exists() == (path != "/healthz"), (
        "nothing is uploaded to a cluster that does not answer"
    )
    assert time.monotonic() - begun < 60, "and not after minutes"


@pytest.mark.parametrize(
    ("options", "holds"),
    [
        (["--host", "http://no-such-host.invalid"], ["cannot be reached", "resolve"]),
        (["--host", f"http://127.0.0.1:{closed_port()}"], ["cannot be reached", "Connection refused"]),
        (["--host", f"127.0.0.1:{closed_port()}"], ["https://127.0.0.1", "cannot be reached"]),
        (["--host", "http://me:pw@kfp"], ["no user or password in a URL"]),
        ([], ["--host: no Kubeflow server", "KF_PIPELINES_ENDPOINT"]),
        (
            ["--host", "http://kfp", "--token-file", "nothing"],
            ["--token-file: nothing cannot be read (No such file"],
        ),
    ],
)
def test_a_server_that_is_not_there_is_one_line_within_seconds(refused, digits, monkeypatch, options, holds):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", MLFLOW)
    begun = time.monotonic()
    line = refused("submit", digits, *options, holds=holds)
    assert "pw" not in line
    assert time.monotonic() - begun < 60, "and not after minutes"


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
    refused(
        "submit",
        digits,
        "--host",
        kubeflow.url,
        holds=["tracking.uri: a local MLflow store", "MLFLOW_TRACKING_URI"],
    )
    assert kubeflow.asked == []


def test_local_files_need_a_place(refused, digits, kubeflow, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", MLFLOW)
    refused(
        "submit",
        digits,
        "--host",
        kubeflow.url,
        holds=["--pipeline-root: the job reads local files (fp32.onnx, "],
    )
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
