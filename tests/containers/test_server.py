"""The MLflow image does what k8s/ asks of it: its command and its variables, a read-only root, a login."""

import json
import time

import pytest
import yaml

from tests.containers.docker_images import docker
from tests.support.paths import ROOT

pytestmark = pytest.mark.slow
DEPLOYMENT = ROOT / "k8s" / "base" / "mlflow" / "deployment.yaml"
AUTH = """[mlflow]
default_permission = READ
database_uri = sqlite:////tmp/mlflow.db
admin_username = admin
admin_password = only-for-this-test
authorization_function = mlflow.server.auth:authenticate_request_basic_auth
"""
ASK = """
import base64, sys, urllib.request, urllib.error
path, host, login = sys.argv[1:]
headers = {"Host": host} | ({"Authorization": "Basic " + base64.b64encode(login.encode()).decode()} if login else {})
try:
    print(urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:5000" + path, headers=headers)).status)
except urllib.error.HTTPError as error:
    print(error.code)
except urllib.error.URLError:
    print(0)
"""
LOGIN = "admin:only-for-this-test"
NAME = "mlflow.inc-mlflow.svc:5000"
SEARCH = "/api/2.0/mlflow/experiments/search?max_results=1"


@pytest.fixture(scope="module")
def server(mlflow_image, tmp_path_factory):
    """Start the server as the Deployment does, with one database for runs and logins, as the README has
    it."""
    (container,) = yaml.safe_load(DEPLOYMENT.read_text())["spec"]["template"]["spec"]["containers"]
    values = {one["name"]: one.get("value", "") for one in container["env"]}
    values |= {
        "MLFLOW_BACKEND_STORE_URI": "sqlite:////tmp/mlflow.db",
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "only-for-this-test",
        "MLFLOW_ARTIFACTS_DESTINATION": "/tmp/artifacts",
    }
    folder = tmp_path_factory.mktemp("auth")
    folder.chmod(0o755)
    (folder / "basic_auth.ini").write_text(AUTH)
    variables = [f"--env={name}={value}" for name, value in values.items()]
    closed = [
        "--network=none",
        "--read-only",
        "--tmpfs=/tmp",
        "--cap-drop=ALL",
        f"--volume={folder}:/etc/mlflow:ro",
    ]
    started = docker(
        "run", "--detach", *closed, *variables, mlflow_image, *container["command"]
    ).stdout.strip()
    try:
        wait(started)
        yield started
    finally:
        docker("rm", "--force", started)


def ask(server, path, host=NAME, login=""):
    return int(docker("exec", server, "python", "-c", ASK, path, host, login).stdout)


def wait(server):
    end = time.monotonic() + 180
    while ask(server, "/health") != 200:
        assert time.monotonic() < end, docker("logs", server, check=False).stderr[-3000:]
        time.sleep(1)


def test_probes_need_no_name_and_no_login(server):
    assert ask(server, "/health", host="10.0.0.1:5000") == 200


def test_a_client_logs_in_under_the_name_of_the_service(server):
    assert ask(server, SEARCH) == 401
    assert ask(server, SEARCH, login=LOGIN) == 200
    assert ask(server, SEARCH, host="localhost:5000", login=LOGIN) == 200


def test_another_name_is_refused(server):
    assert ask(server, SEARCH, host="evil.example", login=LOGIN) == 403


def test_it_is_not_root(server):
    state = json.loads(docker("inspect", server).stdout)[0]
    assert state["Config"]["User"] == "10001:10001"
    assert docker("exec", server, "id", "-u").stdout.strip() == "10001"


def test_it_can_talk_to_postgresql_and_s3(server):
    docker("exec", server, "python", "-c", "import boto3, psycopg2, flask_wtf")
