"""Two identities on a real MLflow server with users: what the pipeline may, and what only the gate may."""

import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from inc_mlflow.errors import LedgerError, TrackingError
from inc_mlflow.promotion.process_request import process_untrusted_request
from inc_mlflow.promotion.request import build_request
from inc_mlflow.promotion.review import Policy
from inc_mlflow.records import RequestRecord
from inc_mlflow.spec import PolicySpec
from inc_mlflow.steps.judge.promote import promote_best
from inc_mlflow.tracking.requests.requests import write_request
from inc_mlflow.tracking.server.connection import Stores, connected
from inc_mlflow.tracking.server.identity import current_user, find_other_writers, permission

pytestmark = pytest.mark.slow

PROGRAM = Path(sys.executable).with_name("inc-mlflow")


@pytest.fixture
def server(users_server) -> str:
    return users_server.url


@pytest.fixture
def act_as(users_server, become) -> Callable[[str], None]:
    return partial(become, users_server)


def test_the_pipeline_requests_and_only_the_gate_promotes(users_server, server, act_as, measured, tmp_path):
    from mlflow.exceptions import MlflowException

    act_as("pipeline")
    logged = measured.track(tmp_path)
    assert logged.no_views is None
    run_id = measured.request(tmp_path)

    act_as("gate")
    done = program("promote", "--requested")
    assert done.returncode == 2
    grant = f"grant it EDIT on experiment {logged.experiment_id}"
    assert done.stdout.startswith(
        f"{run_id} open: run {run_id}: this user may not close its request; {grant}"
    )
    with connected(Stores(server, server)) as client:
        assert list(client.search_registered_models()) == []

    users_server.grant("gate", "EDIT", "experiment", logged.experiment_id)
    done = program("promote", "--run", run_id, "--json")
    assert done.returncode == 0, done.stderr[-2000:]
    answer = json.loads(done.stdout)
    assert (answer["outcome"], answer["version"]) == ("promoted", "1")
    assert (answer["protections"][0]["what"], answer["protections"][0]["holds"]) == (
        "promotion by the gate alone",
        "advisory",
    )
    assert answer["protections"][0]["why"].endswith("name the ledger in the policy (`ledgers`)")
    assert program("promote", "--requested").stdout == ""

    act_as("pipeline")
    with connected(Stores(server, server)) as client, pytest.raises(MlflowException):
        client.log_param(run_id, "inc.request_sha256", "another")


def test_with_its_ledger_named_in_the_policy_promotion_is_the_gates_alone(
    users_server, server, act_as, measured, tmp_path
):
    act_as("pipeline")
    measured.track(tmp_path, session="another")
    run_id = measured.request(tmp_path)
    act_as("gate")
    with connected(Stores(server, server)) as client:
        own = Policy("platform.yaml", PolicySpec(version=1, ledgers={"digits": ledger(client)}))
    (first, *_) = process_untrusted_request(Stores(server, server), run_id, own).protections
    assert (first.what, first.holds) == ("promotion by the gate alone", "enforced")


def test_a_name_that_a_pipeline_took_first_is_not_called_the_gates(
    users_server, server, act_as, measured, tmp_path
):
    """It owns model, ledger and approvals then, and may give the gate every right."""
    act_as("pipeline")
    logged = measured.track(tmp_path, session="taken")
    with connected(Stores(server, server)) as client:
        own = client.create_run(logged.experiment_id).info.run_id
        client.create_registered_model("taken", tags={"inc.ledger": own, "inc.approvals": own})
        steps = measured.of("champion", "judgement") | {"tracking": tmp_path / "tracking"}
        request = build_request(measured.job, **steps).model_copy(
            update={"registered_model": "taken", "requested_by": "pipeline"}
        )
        write_request(client, request)
    users_server.grant("gate", "EDIT", "registered_model", "taken", by="pipeline")
    act_as("gate")
    named = Policy("platform.yaml", PolicySpec(version=1, ledgers={"taken": "0" * 32}))
    with pytest.raises(
        LedgerError, match=f"its ledger is run {own}, by platform.yaml it is run 0000.*; somebody put another"
    ):
        process_untrusted_request(Stores(server, server), request.run_id, named)
    (first, *_) = process_untrusted_request(Stores(server, server), request.run_id, Policy()).protections
    assert (first.holds, first.why) == ("advisory", "gate does not own registered model 'taken'")


ATTEMPTS = {
    "move an alias": lambda client, _: client.set_registered_model_alias("digits", "int8-champion", "1"),
    "remove an alias": lambda client, _: client.delete_registered_model_alias("digits", "int8-champion"),
    "register a version": lambda client, model: client.create_model_version("digits", f"models:/{model}"),
    "delete a version": lambda client, _: client.delete_model_version("digits", "1"),
    "delete the registered model": lambda client, _: client.delete_registered_model("digits"),
    "name another ledger": lambda client, _: client.set_registered_model_tag(
        "digits", "inc.ledger", "0" * 32
    ),
    "write into the ledger": lambda client, _: client.log_param(ledger(client), "000000099", "{}"),
    "delete the ledger": lambda client, _: client.delete_run(ledger(client)),
    "write another user's artifact": lambda client, _: client.log_text(ledger(client), "mine", "mine.txt"),
}


def ledger(client) -> str:
    return client.get_registered_model("digits").tags["inc.ledger"]


@pytest.mark.parametrize("attempt", ATTEMPTS.values(), ids=ATTEMPTS)
def test_what_a_pipeline_tries_beside_its_request_is_refused_in_one_line(server, act_as, attempt):
    """The gate owns registered model and ledger by now."""
    act_as("pipeline")
    with connected(Stores(server, server)) as client:
        model = client.get_model_version("digits", "1").model_id
    with (
        pytest.raises(TrackingError, match=r"^MLflow at .*([Pp]ermission denied|403)") as refusal,
        connected(Stores(server, server)) as client,
    ):
        attempt(client, model)
    assert "\n" not in str(refusal.value)


def test_a_pipeline_that_promotes_by_itself_is_refused_in_one_line(act_as, server, measured, tmp_path):
    """The gate owns the registered model by now."""
    act_as("pipeline")
    worse = measured.judgement.table[2]
    judged = measured.judgement
    table = (judged.table[0], worse)
    judged.model_copy(update={"table": table}).save(tmp_path / "judgement")
    measured.track(tmp_path, judgement=tmp_path / "judgement", session="by itself")
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


def test_where_one_user_does_both_nothing_is_said_to_be_enforced(server, act_as):
    nothing = {
        "models": {},
        "recipe": "",
        "sha256": "",
        "measured_against": None,
        "policy_sha256": "",
        "evidence": {},
    }
    request = RequestRecord(registered_model="digits", run_id="", **nothing)
    act_as("gate")
    with connected(Stores(server, server)) as client:
        mine = client.create_run(client.create_experiment("of the gate")).info.run_id
        assert find_other_writers(client, request) == "gate requests and promotes, one identity does both"
        claimed = request.model_copy(update={"requested_by": "somebody", "run_id": mine})
        assert (
            find_other_writers(client, claimed)
            == "gate owns the experiment too, so the pipeline may have been run as gate"
        )


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
