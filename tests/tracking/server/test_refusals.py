"""A refusal is one line that says who was refused, what is missing, and which variables to set."""

import json
import time

import pytest

from inc_mlflow.errors import TrackingError
from inc_mlflow.tracking.server import waiting
from inc_mlflow.tracking.server.connection import Stores, connected
from tests.support.proxy import MUTATING, Answer, proxy

pytestmark = pytest.mark.slow

ALL = (*MUTATING, "GET")
LOGIN = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
PAGE = b"<html>\n<body>\r\n\x1b[31mgo away\xe2\x80\xa8</body></html>"


@pytest.fixture(scope="module")
def network(users_server):
    with proxy(users_server.url) as made:
        yield made


@pytest.fixture
def server(network, users_server, become):
    become(users_server, "pipeline")
    network.reset()
    return Stores(network.url, network.url)


def refusal(server, ask):
    """Ask, and return the one line that comes of it."""
    with pytest.raises(TrackingError) as refused, connected(server) as client:
        ask(client)
    line = str(refused.value)
    assert line.startswith(f"MLflow at {server.tracking_uri}: ")
    assert line.isprintable(), line
    return line.removeprefix(f"MLflow at {server.tracking_uri}: ")


def search(client):
    client.search_experiments()


def test_a_wrong_password_names_user_and_variables(server, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", "another")
    line = refusal(server, search)
    assert line.startswith(f"does not accept user 'pipeline' (401); set {LOGIN}: ")
    assert "another" not in line


def test_nobody_is_told_to_log_in(server, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
    assert refusal(server, search).startswith(f"does not accept a user without a login (401); set {LOGIN}: ")


def test_a_token_that_ran_out_is_named(server, network, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_USERNAME")
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "secret")
    network.on(Answer(401, {"Content-Type": "text/html"}, PAGE), "experiments/search", methods=ALL)
    line = refusal(server, search)
    assert line.startswith(f"does not accept the token of MLFLOW_TRACKING_TOKEN (401); set {LOGIN}: ")
    assert "secret" not in line


EDIT = "EDIT (MANAGE to delete)"
MODEL, EXPERIMENT = "on the registered model", "on the experiment"
RIGHTS = {
    "model-versions/create": (f"{EDIT} {MODEL}", lambda gate: gate.create_model_version("m", "models:/m-1")),
    "registered-models/get": (f"READ {MODEL}", lambda gate: gate.get_registered_model("m")),
    "runs/set-tag": (f"{EDIT} {EXPERIMENT}", lambda gate: gate.set_tag("r", "a", "b")),
    "runs/get": (f"READ {EXPERIMENT}", lambda gate: gate.get_run("r")),
}


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize(("path", "right", "ask"), [(path, *row) for path, row in RIGHTS.items()], ids=RIGHTS)
def test_a_right_that_lacks_is_named(server, network, path, right, ask, plain):
    """MLflow's own answer is a bare text, which tells the address; a gateway may send an object."""
    told = b"Permission denied" if plain else b'{"error_code": "PERMISSION_DENIED", "message": "not\\nyou"}'
    network.on(Answer(403, {}, told), path, methods=ALL)
    line = refusal(server, ask)
    assert line.startswith("user 'pipeline' may not do this (403); ")
    assert f"or log in as another with {LOGIN}: " in line
    assert not plain or f"it needs {right}" in line, line


def test_a_server_that_is_asked_too_often_is_waited_for(server, network):
    network.on(Answer(429, {"Retry-After": "1"}), "experiments/search", methods=ALL)
    start = time.monotonic()
    with connected(server) as client:
        search(client)
    assert time.monotonic() - start > 0.9


def test_a_server_that_asks_for_an_hour_is_not_waited_for_that_long(server, network, monkeypatch):
    monkeypatch.setattr(waiting, "LONGEST", 1.0)
    network.on(Answer(429, {"Retry-After": "3600"}), "experiments/search", methods=ALL, times=99)
    start = time.monotonic()
    line = refusal(server, search)
    assert line.startswith(
        "was asked too often (429), asks to wait 3600 s, and was waited for 3 s; run this again later"
    ), line
    assert time.monotonic() - start < 300
    assert network.count("experiments/search", ALL) == 4


def test_what_is_made_once_is_waited_for_too_and_made_once(server, network, monkeypatch):
    from inc_mlflow.tracking.runs.tagged_runs import ensure_run

    with connected(server) as client:
        experiment = client.create_experiment("asked too often")
        network.on(Answer(429, {"Retry-After": "2"}), "runs/create")
        start = time.monotonic()
        ensure_run(client, experiment, "key", "name", {})
        assert time.monotonic() - start > 1.9
        assert len(client.search_runs([experiment])) == 1


def test_a_server_whose_disk_is_full_shows_no_statement(server, network):
    words = "(sqlite3.OperationalError) database or disk is full\n[SQL: INSERT INTO a]"
    told = json.dumps({"error_code": "BAD_REQUEST", "message": words}).encode()
    network.on(Answer(400, {"Content-Type": "application/json"}, told), "runs/set-tag")
    assert (
        refusal(server, lambda client: client.set_tag("r", "a", "b"))
        == "the server's disk is full; free some space there"
    )
