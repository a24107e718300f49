"""Two identities on a real MLflow server with users: what the pipeline may, and what only the gate may."""

import base64
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inc_mlflow.errors import TrackingError
from inc_mlflow.steps.promote import promote_best
from inc_mlflow.tracking.identity import current_user, permission
from inc_mlflow.tracking.server import Stores, connected

pytest.importorskip("flask_wtf", reason="MLflow's user accounts need flask-wtf")
pytestmark = pytest.mark.slow

PROGRAM = Path(sys.executable).with_name("inc-mlflow")
CONFIG = """
[mlflow]
default_permission = READ
database_uri = sqlite:///{folder}/users.db
admin_username = admin
auth_cache_ttl_seconds = 60
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""
PATIENCE = 120.0


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("server"), free_port()
    (folder / "auth.ini").write_text(CONFIG.format(folder=folder))
    arguments = ["--app-name", "basic-auth", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    arguments += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "artifacts")]
    more = {
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "MLFLOW_AUTH_ADMIN_PASSWORD": password("admin"),
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "of this test",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    command = [sys.executable, "-m", "mlflow", "server", *arguments]
    with (folder / "log").open("w") as log, subprocess.Popen(command, env=os.environ | more, stdout=log, stderr=log) as process:
        try:
            wait_for(f"http://127.0.0.1:{port}", process)
            for user in ("pipeline", "gate"):
                administer(f"http://127.0.0.1:{port}", "2.0/mlflow/users/create", username=user, password=password(user))
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def password(user: str) -> str:
    return f"{user} password of tests"


def wait_for(uri: str, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < end:
        try:
            urllib.request.urlopen(f"{uri}/health", timeout=5).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    pytest.fail("MLflow's server did not start")


@pytest.fixture
def act_as(server, monkeypatch) -> Callable[[str], None]:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")

    def become(user: str) -> None:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", user)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password(user))

    return become


def administer(server: str, path: str, **fields: str) -> None:
    """Call what MLflow's client has no method for."""
    login = base64.b64encode(f"admin:{password('admin')}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
    asked = urllib.request.Request(f"{server}/api/{path}", json.dumps(fields).encode(), headers)
    urllib.request.urlopen(asked, timeout=30).close()


def test_the_pipeline_requests_and_only_the_gate_promotes(server, act_as, measured, tmp_path):
    from mlflow.exceptions import MlflowException

    act_as("pipeline")
    logged = measured.track(tmp_path)
    run_id = measured.request(tmp_path)

    act_as("gate")
    done = program("promote", "--requested")
    assert done.returncode == 2
    grant = f"grant it EDIT on experiment {logged.experiment_id}"
    assert done.stdout.startswith(f"{run_id} open: run {run_id}: this user may not close its request; {grant}")
    with connected(Stores(server, server)) as client:
        assert list(client.search_registered_models()) == []

    rights = {"resource_type": "experiment", "resource_id": logged.experiment_id, "permission": "EDIT"}
    administer(server, "3.0/mlflow/users/permissions/grant", username="gate", **rights)
    done = program("promote", "--run", run_id, "--json")
    assert done.returncode == 0, done.stderr[-2000:]
    assert (json.loads(done.stdout)["outcome"], json.loads(done.stdout)["version"]) == ("promoted", "1")
    assert program("promote", "--requested").stdout == ""

    act_as("pipeline")
    stores = Stores(server, server)
    with pytest.raises(TrackingError, match="Permission denied") as refusal, connected(stores) as client:
        client.set_registered_model_alias("digits", "int8-champion", "1")
    assert "\n" not in str(refusal.value)
    with connected(stores) as client, pytest.raises(MlflowException, match="Permission denied"):
        client.create_model_version("digits", f"models:/{next(iter(logged.models.values()))}")
    with connected(stores) as client, pytest.raises(MlflowException):
        client.log_param(run_id, "inc.request_sha256", "another")


def test_a_pipeline_that_promotes_by_itself_is_refused_in_one_line(act_as, server, measured, tmp_path):
    """The gate owns the registered model by now."""
    act_as("pipeline")
    worse = measured.judgement.table[2]
    measured.track(tmp_path)
    judged = measured.judgement
    table = (judged.table[0], worse)
    judged.model_copy(update={"table": table}).save(tmp_path / "judgement")
    champion = measured.champion(tmp_path / "champion", version="1")
    steps = {"champion": champion, "judgement": tmp_path / "judgement", "tracking": tmp_path / "tracking"}
    with pytest.raises(TrackingError, match=r"^MLflow at http://127\.0\.0\.1:\d+: .*Permission denied"):
        promote_best(measured.job, tmp_path / "promotion", **steps)


def test_the_server_says_who_this_is_and_what_it_may_do(server, act_as):
    act_as("gate")
    with connected(Stores(server, server)) as client:
        assert current_user(client) == "gate"
        assert permission(client, "gate", "registered_model", "*") == "READ"
    with pytest.raises(TrackingError, match="denied"), connected(Stores(server, server)) as client:
        permission(client, "pipeline", "registered_model", "*")


def test_a_login_that_the_server_refuses_is_no_missing_user(server, act_as, monkeypatch):
    act_as("gate")
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "another")
    with (
        pytest.raises(TrackingError, match=r"^MLflow at .*not authenticated") as refusal,
        connected(Stores(server, server)) as client,
    ):
        current_user(client)
    assert "\n" not in str(refusal.value)


def program(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, timeout=300, check=False)
