"""A promotion that waits for a person: who may decide, and what the gate makes of it."""

from functools import partial

import pytest
import yaml

from inc_mlflow.errors import TrackingError
from inc_mlflow.promotion.approve import answer_approval
from inc_mlflow.promotion.history import read_history
from inc_mlflow.promotion.process_request import process_open_requests, process_untrusted_request
from inc_mlflow.promotion.request import build_request
from inc_mlflow.promotion.review import Policy
from inc_mlflow.tracking.registry.ledger import find_model
from inc_mlflow.tracking.requests.requests import write_request
from inc_mlflow.tracking.server.connection import Stores, connected
from inc_mlflow.tracking.server.identity import current_user
from tests.support import rivals

pytestmark = pytest.mark.slow


@pytest.fixture
def asking(tmp_path):
    file = tmp_path / "platform.yaml"
    file.write_text(yaml.safe_dump({"version": 1, "approval": True}))
    return Policy.load(file)


def aliases(client):
    return {alias: str(version) for alias, version in client.get_registered_model("digits").aliases.items()}


def test_what_passed_waits_as_challenger_until_it_is_approved(store, requested, asking):
    waiting = process_untrusted_request(store.stores, requested, asking)
    assert (waiting.outcome, aliases(store.client)) == ("waiting", {"int8-challenger": "1"})
    assert waiting.reasons[0].startswith(
        f"a person has to approve it: `inc-mlflow approve {requested}` by a user with EDIT"
    )
    before = read_history(store.stores, "digits").params
    assert process_untrusted_request(store.stores, requested, asking).outcome == "waiting"
    assert read_history(store.stores, "digits").params == before, (
        "a request that waits is looked at again and again"
    )
    answer_approval(store.stores, requested, "approved", "looks\ngood")
    promoted = process_untrusted_request(store.stores, requested, asking)
    assert (promoted.outcome, aliases(store.client), store.versions()) == (
        "promoted",
        {"int8-champion": "1"},
        ["1"],
    )
    entries = read_history(store.stores, "digits").entries
    assert [entry.kind for entry in entries] == ["challenged", "promoted", "withdrawn"]
    assert entries[1].approved_by == entries[0].who
    assert process_untrusted_request(store.stores, requested, asking) == promoted


def test_several_that_wait_leave_nothing_however_often_they_are_looked_at(
    store, requested, measured, asking, tmp_path
):
    process_untrusted_request(store.stores, requested, asking)
    rival = rivals.make(store.client, measured, tmp_path / "rival", 5)
    later = rivals.request(store.client, measured, rival, "digits")
    assert process_untrusted_request(store.stores, later, asking).outcome == "waiting"
    before = read_history(store.stores, "digits")
    assert before.aliases == {"int8-challenger": "2"}
    assert {one.outcome for one in process_open_requests(store.stores, None, asking)} == {"waiting"}
    assert read_history(store.stores, "digits").params == before.params


def test_what_a_person_rejected_is_rejected_and_no_challenger_any_more(store, requested, asking):
    process_untrusted_request(store.stores, requested, asking)
    answer_approval(store.stores, requested, "rejected", "not before the holidays")
    decision = process_untrusted_request(store.stores, requested, asking)
    assert (decision.outcome, aliases(store.client)) == ("rejected", {})
    assert decision.reasons[0].endswith("not before the holidays")
    with pytest.raises(TrackingError, match=r"was rejected already by .*; that is final"):
        answer_approval(store.stores, requested, "approved", "changed my mind")


def test_an_approved_candidate_that_lost_is_no_challenger_any_more(
    store, requested, measured, asking, tmp_path
):
    rival = rivals.make(store.client, measured, tmp_path / "rival", 5)
    better = rivals.request(store.client, measured, rival, "digits")
    for run_id in (better, requested):  # the last one has the alias
        assert process_untrusted_request(store.stores, run_id, asking).outcome == "waiting"
        answer_approval(store.stores, run_id, "approved", "looks good")
    assert [
        process_untrusted_request(store.stores, run_id, asking).outcome for run_id in (better, requested)
    ] == [
        "promoted",
        "rejected",
    ]
    assert aliases(store.client) == {"int8-champion": "1"}


def test_nobody_is_asked_about_what_is_champion_already(store, requested, measured, asking, tmp_path):
    process_untrusted_request(store.stores, requested, asking)
    answer_approval(store.stores, requested, "approved", "looks good")
    process_untrusted_request(store.stores, requested, asking)
    measured.track(tmp_path, session="again")
    assert process_untrusted_request(store.stores, measured.request(tmp_path), asking).outcome == "promoted"
    assert aliases(store.client) == {"int8-champion": "1"}


def test_nothing_is_approved_that_the_gate_did_not_ask_about(store, requested):
    with pytest.raises(TrackingError, match="nothing waits for approval"):
        answer_approval(store.stores, requested, "approved", "in advance")


def test_only_approvers_can_approve_and_not_who_requested(users_server, become, measured, asking, tmp_path):
    act_as, stores = partial(become, users_server), Stores(users_server.url, users_server.url)
    act_as("pipeline")
    logged = measured.track(tmp_path, session="approval")
    with connected(stores) as client:
        steps = measured.of("champion", "judgement") | {"tracking": tmp_path / "tracking"}
        changes = {"requested_by": current_user(client)}
        write_request(client, build_request(measured.job, **steps).model_copy(update=changes))
    run_id = logged.parent_run_id
    users_server.grant("gate", "EDIT", "experiment", logged.experiment_id)
    act_as("gate")
    process_untrusted_request(stores, run_id, asking)
    with connected(stores) as client:
        approvals = client.get_run(find_model(client, "digits").tags["inc.approvals"]).info.experiment_id

    act_as("pipeline")
    with pytest.raises(TrackingError, match="pipeline requested it; another user has to decide"):
        answer_approval(stores, run_id, "approved", "why not")
    act_as("approver")
    with pytest.raises(TrackingError, match="Permission denied") as refusal:
        answer_approval(stores, run_id, "approved", "looks good")
    assert "\n" not in str(refusal.value)
    act_as("gate")
    assert process_untrusted_request(stores, run_id, asking).outcome == "waiting"

    users_server.grant("approver", "EDIT", "experiment", approvals)
    act_as("approver")
    answer_approval(stores, run_id, "approved", "looks good")
    act_as("gate")
    assert process_untrusted_request(stores, run_id, asking).outcome == "promoted"
    entry = next(one for one in read_history(stores, "digits").entries if one.kind == "promoted")
    assert (entry.who, entry.approved_by) == ("gate", "approver")
