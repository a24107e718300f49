"""A champion that came since the request: it is replaced, it stays, or the request is stale."""

import pytest

from inc_mlflow.promotion.process_request import process_untrusted_request
from inc_mlflow.promotion.review import review_request
from inc_mlflow.records import RequestRecord, TrackingRecord
from tests.support.open_requests import OWN, ask

pytestmark = pytest.mark.slow


def test_a_champion_since_that_stands_in_the_same_table_is_replaced_by_the_best(store, requested, measured):
    rival = measured.judgement.table[2].sha256
    store.promote(rival, TrackingRecord.load(store.folder / "tracking").models[rival])
    decision = process_untrusted_request(store.stores, requested, OWN)
    assert (decision.outcome, decision.version, store.champion()) == ("promoted", "2", "2")


def test_a_champion_since_that_was_measured_elsewhere_makes_the_request_stale(store, requested):
    store.promote("f" * 64)
    stale(
        store,
        requested,
        "int8-champion is version 1 (another) now, not measured beside the candidate nor as it was",
    )


def rank_of(store, run_id):
    from inc_mlflow.promotion.promote import overall_target

    request = RequestRecord.load(store.folder / "request")
    return overall_target(review_request(store.client, request, OWN, store.folder / "evidence again")).rank


@pytest.mark.parametrize(("faster", "outcome"), [(-0.1, "promoted"), (0.1, "rejected")])
def test_a_champion_since_under_the_same_conditions_stays_only_if_it_is_better(
    store, requested, faster, outcome
):
    ours = rank_of(store, requested)
    bounds = {"speedup": ours.speedup + faster, "speedup_high": ours.speedup_high + faster}
    store.promote("f" * 64, standing=ours.model_copy(update=bounds))
    decision = process_untrusted_request(store.stores, requested, OWN)
    assert decision.outcome == outcome
    assert store.champion() == ("2" if outcome == "promoted" else "1")


def test_a_champion_since_under_other_conditions_is_not_compared_whatever_its_numbers(store, requested):
    ours = rank_of(store, requested)
    store.promote("f" * 64, standing=ours.model_copy(update={"speedup": 0.1, "conditions": "0" * 64}))
    stale(store, requested, "not measured beside the candidate nor as it was")


def stale(store, run_id, reason):
    decision = process_untrusted_request(store.stores, run_id, OWN)
    assert (decision.outcome, store.tags(run_id)["inc.request"]) == ("stale", "stale")
    assert reason in decision.reasons[0]
    assert (store.versions(), store.champion()) == (["1"], "1")


def test_a_request_cannot_claim_a_champion_that_was_not_measured(store, measured):
    store.promote("f" * 64)
    run_id = ask(store, measured, measured_against="1")
    stale(store, run_id, "not measured beside the candidate nor as it was")
