"""Each pool has a champion of its own, which need not be the champion of all."""

import shutil

import pytest
import yaml

from inc_mlflow.promotion.freeze import freeze
from inc_mlflow.promotion.history import read_history
from inc_mlflow.promotion.process_request import process_open_requests, process_untrusted_request
from inc_mlflow.promotion.review import Policy
from inc_mlflow.promotion.verify import verify
from inc_mlflow.steps.judge.gate import gate
from inc_mlflow.steps.judge.request import request_promotion
from inc_mlflow.tracking.registry.create_ledger import create_ledger
from tests.support import rivals

pytestmark = pytest.mark.slow


@pytest.fixture
def decided(store, measured, two_pools, tmp_path):
    """A job on two pools of which the second runs the slower candidate of the first one faster."""
    second = min(two_pools.table[1:], key=lambda row: row.per_pool["local"].speedup.low)
    folder = shutil.copytree(two_pools.records[3], tmp_path / "benchmark of the other")
    rivals.rewrite_benchmark(folder, second.recipe, second.sha256, 10)
    records = [*two_pools.records[:3], folder]
    models = measured.of("baseline", "champion", "candidates")
    judged = gate(two_pools.job, tmp_path / "judgement", **models, records=records)
    measured.track(tmp_path, two_pools.job, tmp_path / "judgement", records)
    steps = {
        "champion": measured / "champion",
        "judgement": tmp_path / "judgement",
        "tracking": tmp_path / "tracking",
    }
    run_id = request_promotion(two_pools.job, tmp_path / "request", **steps).run_id
    return process_untrusted_request(store.stores, run_id, Policy()), judged


def test_the_best_of_each_pool_gets_its_alias(store, decided):
    decision, judged = decided
    best = {
        pool: max(judged.table[1:], key=lambda row: row.per_pool[pool].speedup.low).sha256
        for pool in ("local", "other")
    }
    assert (decision.outcome, judged.verdict) == ("promoted", "pass")
    assert set(decision.aliases) == {"int8-champion", "int8-champion-local", "int8-champion-other"}
    ledger = read_history(store.stores, "digits")
    assert ledger.entry_of_alias("int8-champion").sha256 == judged.best().sha256
    assert {pool: ledger.entry_of_alias(f"int8-champion-{pool}").sha256 for pool in best} == best
    assert best["other"] == next(row.sha256 for row in judged.table[1:] if row.sha256 != best["local"])
    assert ledger.present == decision.aliases
    assert verify(store.stores, "digits", "int8").problems == ()


@pytest.fixture
def ask(store, measured, two_pools, tmp_path):
    """Give a function that requests promotion of a candidate, with its speed on each pool."""

    def inner(number, faster=1.0):
        rival = rivals.make(store.client, measured, tmp_path / f"rival {number}", number)
        rivals.measure_elsewhere(rival, two_pools.job, faster)
        return rivals.request(store.client, measured, rival, "digits")

    return inner


@pytest.fixture
def asking(tmp_path):
    file = tmp_path / "platform.yaml"
    pools = {"local": {"role": "required"}, "other": {"role": "required"}}
    file.write_text(yaml.safe_dump({"version": 1, "approval": True, "pools": pools}))
    return Policy.load(file)


def test_of_two_jobs_on_two_pools_the_better_candidate_wins(store, ask):
    runs = [ask(1), ask(5)]
    assert [process_untrusted_request(store.stores, run, Policy()).outcome for run in runs] == [
        "promoted",
        "promoted",
    ]
    assert read_history(store.stores, "digits").aliases == dict.fromkeys(
        ("int8-champion", "int8-champion-local", "int8-champion-other"), "2"
    )
    assert verify(store.stores, "digits", "int8").problems == ()


def test_one_that_fails_on_a_pool_gets_the_alias_of_the_other_and_says_what_that_is_worth(store, ask):
    run = ask(1, faster=0.5)
    decision = process_untrusted_request(store.stores, run, Policy())
    assert (decision.outcome, decision.aliases) == ("rejected", {"int8-champion-local": "1"})
    assert "accuracy" in {one.what for one in decision.protections}
    assert process_untrusted_request(store.stores, run, Policy()) == decision


def test_no_pool_gets_what_no_person_approved(store, ask, asking):
    assert process_untrusted_request(store.stores, ask(1, faster=0.5), asking).outcome == "rejected"
    assert list(store.client.search_registered_models()) == []


def test_frozen_nothing_is_written_however_often_it_is_looked_at(store, ask):
    store.promote("e" * 64)
    freeze(store.stores, "digits", "release week")
    ask(1, faster=0.5)
    before = read_history(store.stores, "digits").params
    assert [decision.outcome for decision in process_open_requests(store.stores, None, Policy())] == ["open"]
    assert read_history(store.stores, "digits").params == before


def test_an_alias_of_a_pool_that_is_somebody_elses_is_a_reason_and_stops_no_other(store, ask):
    create_ledger(store.client, "digits")
    theirs = store.client.create_logged_model(store.client.create_experiment("theirs"), "theirs").model_id
    store.client.create_model_version("digits", f"models:/{theirs}")
    store.client.set_registered_model_alias("digits", "int8-champion-local", "1")
    decision = process_untrusted_request(store.stores, ask(1), Policy())
    assert (decision.outcome, decision.aliases) == (
        "promoted",
        {"int8-champion": "2", "int8-champion-other": "2"},
    )
    assert decision.reasons[-1].startswith(
        "int8-champion-local stays: registered model 'digits': alias 'int8-champion-local'"
    )
    assert read_history(store.stores, "digits").present["int8-champion-local"] == "1"
