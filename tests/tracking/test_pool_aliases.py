"""Each pool has a champion of its own, which need not be the champion of all."""

import shutil

import pytest
import rivals

from inc_mlflow.steps.case import Policy
from inc_mlflow.steps.decide import decide
from inc_mlflow.steps.gate import gate
from inc_mlflow.steps.notes import history
from inc_mlflow.steps.request import request_promotion
from inc_mlflow.steps.verify import verify

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
    steps = {"champion": measured / "champion", "judgement": tmp_path / "judgement", "tracking": tmp_path / "tracking"}
    run_id = request_promotion(two_pools.job, tmp_path / "request", **steps).run_id
    return decide(store.stores, run_id, Policy()), judged


def test_the_best_of_each_pool_gets_its_alias(store, decided):
    decision, judged = decided
    best = {pool: max(judged.table[1:], key=lambda row: row.per_pool[pool].speedup.low).sha256 for pool in ("local", "other")}
    assert (decision.outcome, judged.verdict) == ("promoted", "pass")
    assert set(decision.aliases) == {"int8-champion", "int8-champion-local", "int8-champion-other"}
    ledger = history(store.stores, "digits")
    assert ledger.place("int8-champion").sha256 == judged.best().sha256
    assert {pool: ledger.place(f"int8-champion-{pool}").sha256 for pool in best} == best
    assert best["other"] == next(row.sha256 for row in judged.table[1:] if row.sha256 != best["local"])
    assert ledger.present == decision.aliases
    assert verify(store.stores, "digits", "int8").problems == ()
