"""Back to the champion before, and the blocked model stays out."""

import json
import time

import pytest

from inc_mlflow.errors import TrackingError
from inc_mlflow.promotion.history import read_history
from inc_mlflow.promotion.process_request import process_untrusted_request
from inc_mlflow.promotion.review import Policy
from inc_mlflow.promotion.rollback import rollback, unblock
from inc_mlflow.promotion.verify import verify
from inc_mlflow.steps.judge.request import request_promotion
from inc_mlflow.tracking.registry import ledger_turn
from inc_mlflow.tracking.registry.versions import download_model

pytestmark = pytest.mark.slow

OWN = Policy()
ALIAS = "int8-champion"


def models(store):
    return json.loads((store.folder / "tracking" / "record.json").read_text())["models"]


@pytest.fixture
def two(store, requested, measured):
    """A store with a champion, and one before it."""
    before = measured.judgement.table[2].sha256
    store.promote(before, models(store)[before])
    assert process_untrusted_request(store.stores, requested, OWN).version == "2"
    return store


def test_a_rolled_back_model_stays_out_until_it_is_unblocked(store, requested, measured):
    best = measured.judgement.best()
    assert process_untrusted_request(store.stores, requested, OWN).version == "1"
    entry, others = rollback(store.stores, "digits", ALIAS, "complaints")
    assert others == []
    assert (entry.version, entry.before, entry.sha256, entry.reasons) == (
        None,
        "1",
        best.sha256,
        ("complaints",),
    )
    assert store.champion() is None
    measured.track(store.folder / "again", session="another")
    again = measured.request(store.folder / "again")
    decision = process_untrusted_request(store.stores, again, OWN)
    assert (decision.outcome, store.champion()) == ("rejected", None)
    assert "was rolled back by" in decision.reasons[0]
    assert "(complaints)" in decision.reasons[0]
    with pytest.raises(TrackingError, match="'fff' is not one blocked model; blocked are"):
        unblock(store.stores, "digits", "fff", "why")
    unblock(store.stores, "digits", best.sha256[:8], "it was the data")
    measured.track(store.folder / "third", session="a third")
    assert (
        process_untrusted_request(store.stores, measured.request(store.folder / "third"), OWN).outcome
        == "promoted"
    )
    assert (store.versions(), store.champion()) == (["1"], "1")
    assert verify(store.stores, "digits", "int8").problems == ()
    kinds = [entry.kind for entry in read_history(store.stores, "digits").entries]
    assert kinds == ["promoted", "rolled_back", "rejected", "unblocked", "promoted"]


def test_a_rollback_never_goes_to_a_file_that_was_altered(two, measured):
    uri = two.client.get_logged_model(models(two)[measured.judgement.table[2].sha256]).artifact_location
    (two.local(uri) / "model.onnx").write_bytes(b"another")
    entry, _ = rollback(two.stores, "digits", ALIAS, "why")
    assert (entry.version, two.champion()) == (None, None)
    (problem,) = verify(two.stores, "digits", "int8").problems
    assert problem.endswith("it was altered")


def test_what_was_deleted_is_passed_over(two):
    two.client.delete_model_version("digits", "1")
    entry, _ = rollback(two.stores, "digits", ALIAS, "why")
    assert (entry.version, two.champion()) == (None, None)
    assert verify(two.stores, "digits", "int8").problems == ()


def test_a_logged_model_that_was_deleted_is_passed_over_and_told(two):
    two.client.delete_logged_model(read_history(two.stores, "digits").entry_of_version("1").model_id)
    (problem,) = verify(two.stores, "digits", "int8").problems
    assert problem.startswith("version 1: logged model m-")
    assert problem.endswith(": was deleted; log it again")
    assert rollback(two.stores, "digits", ALIAS, "why")[0].version is None


def test_a_file_that_takes_long_to_fetch_is_no_reason_to_stay(two, monkeypatch):
    """Not in its turn, that is: a gate has half its lease for one."""

    def slow(*arguments):
        time.sleep(0.8)
        return download_model(*arguments)

    monkeypatch.setattr(ledger_turn, "LEASE", 1.5)
    monkeypatch.setattr("inc_mlflow.promotion.rollback.download_model", slow)
    assert rollback(two.stores, "digits", ALIAS, "why")[0].version == "1"


def test_what_was_rolled_back_is_judged_again_when_it_is_asked_for(store, requested):
    process_untrusted_request(store.stores, requested, OWN)
    rollback(store.stores, "digits", ALIAS, "why")
    blocked = process_untrusted_request(store.stores, requested, OWN)
    assert (blocked.outcome, blocked.version, blocked.aliases) == ("rejected", None, {})
    assert "was rolled back by" in blocked.reasons[0]
    unblock(store.stores, "digits", read_history(store.stores, "digits").entries[0].sha256, "it was the data")
    assert process_untrusted_request(store.stores, requested, OWN).outcome == "promoted"
    assert store.champion() == "1"


def test_a_run_whose_model_was_champion_already_keeps_its_answer(store, requested, measured):
    process_untrusted_request(store.stores, requested, OWN)
    measured.track(store.folder / "again", session="another")
    again = measured.request(store.folder / "again")
    first = process_untrusted_request(store.stores, again, OWN)
    assert (first.outcome, first.version) == ("promoted", "1")
    params = read_history(store.stores, "digits").params
    assert process_untrusted_request(store.stores, again, OWN).version == "1"
    assert read_history(store.stores, "digits").params == params


def test_other_aliases_of_the_model_are_told_and_stay_in_sight(store, measured, two_pools, call):
    measured.track(store.folder, two_pools.job, two_pools.judgement, two_pools.records)
    steps = {
        "champion": measured / "champion",
        "judgement": two_pools.judgement,
        "tracking": store.folder / "tracking",
    }
    run_id = request_promotion(two_pools.job, store.folder / "request", **steps).run_id
    assert set(process_untrusted_request(store.stores, run_id, OWN).aliases) >= {ALIAS, "int8-champion-local"}
    code, _, err = call("rollback", "digits", "--reason", "why")
    assert (code, "int8-champion-local names that model still; roll it back too" in err) == (0, True)
    told = [
        one
        for one in verify(store.stores, "digits", "int8").problems
        if one.startswith("alias 'int8-champion-local'")
    ]
    assert told == [
        "alias 'int8-champion-local' names version 1, whose model was rolled back from another alias; "
        "roll it back too"
    ]
    model = read_history(store.stores, "digits").entry_of_version("1").model_id
    (store.local(store.client.get_logged_model(model).artifact_location) / "model.onnx").write_bytes(
        b"another"
    )
    assert "its file has sha256" in verify(store.stores, "digits", "int8").problems[-1]
