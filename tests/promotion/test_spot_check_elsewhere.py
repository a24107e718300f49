"""The gate runs rows on other hardware than the pool's: what hardware explains passes, larger claims do not."""

import re
from dataclasses import replace

import pytest

from inc_mlflow.errors import DataError, ModelError
from inc_mlflow.measure.gate.measurements import find_pools
from inc_mlflow.promotion import spot_check as rechecking
from inc_mlflow.promotion.spot_check import accuracy_protections, spot_check
from inc_mlflow.records import BASELINE, Evaluated
from inc_mlflow.registry.engines import ENGINES
from tests.support.forged_evidence import forged
from tests.support.recheck_policies import check, policy, within

pytestmark = pytest.mark.slow


@pytest.fixture
def elsewhere(monkeypatch):
    """Make the gate's machine another kind than the pool's."""
    here = rechecking.host_facts()
    monkeypatch.setattr(rechecking, "host_facts", lambda: here.model_copy(update={"cpu": "another"}))


def test_on_other_hardware_an_honest_pipeline_passes(measured, pools, models, trusted, tmp_path, elsewhere):
    gate = policy(tmp_path, trusted)
    check(measured, pools, models, gate)
    there, _ = accuracy_protections(measured.job.spec, gate.spec, pools)
    assert (there.what, there.holds) == ("accuracy on local", "advisory")


def not_loaded(measured, pools):
    """The same evidence, which says that the best candidate could not be loaded."""
    best, one = measured.judgement.best().recipe, pools["local"]
    absent = Evaluated(value=None, reason="no instructions", size_bytes=1)
    evidence = one.evaluation.evidence.model_copy(update={"not_loaded": {best: "no instructions"}})
    changes = {"evidence": evidence, "results": one.evaluation.results | {best: absent}}
    outcomes = {label: values for label, values in one.outcomes.items() if label != best}
    return {"local": replace(one, evaluation=one.evaluation.model_copy(update=changes), outcomes=outcomes)}


def test_what_other_hardware_could_not_load_claims_nothing(
    measured, pools, models, trusted, tmp_path, elsewhere
):
    check(measured, not_loaded(measured, pools), models, policy(tmp_path, trusted))


class Uncallable:
    """A model in memory whose calls fail."""

    def __init__(self, loaded):
        self.model, self.outputs = loaded.model, loaded.outputs

    def __call__(self, inputs):
        raise ModelError(f"{self.model}: this CPU has no such instructions")


@pytest.fixture(params=["load", "first call"])
def refused(request, measured, models, monkeypatch):
    """Make the engine refuse the best candidate here."""
    engine, path = ENGINES.get("onnxruntime"), models[measured.judgement.best().recipe]
    load = type(engine).load

    def loading(self, model, settings):
        if model == path and request.param == "load":
            raise ModelError(f"{model}: this CPU has no such instructions")
        loaded = load(self, model, settings)
        return Uncallable(loaded) if model == path else loaded

    monkeypatch.setattr(type(engine), "load", loading)


def test_what_the_gate_itself_cannot_run_is_refused_in_a_line_about_it(
    measured, pools, models, trusted, tmp_path, refused
):
    best = measured.judgement.best().recipe
    says = rf"^recheck: {re.escape(best)} cannot be run on the gate's machine \(this CPU has no such instructions\), so"
    with pytest.raises(DataError, match=says):
        check(measured, pools, models, policy(tmp_path, trusted))


def test_what_ran_on_no_pool_claims_nothing_and_needs_not_run_here(
    measured, pools, models, trusted, tmp_path, refused
):
    check(measured, not_loaded(measured, pools), models, policy(tmp_path, trusted))


def test_the_same_hardware_would_have_loaded_it(measured, pools, models, trusted, tmp_path):
    with pytest.raises(
        DataError, match="can be loaded, and the evidence of pool 'local' says that it cannot"
    ):
        check(measured, not_loaded(measured, pools), models, policy(tmp_path, trusted))


def test_on_other_hardware_large_claims_are_refused(broken, trusted, tmp_path, elsewhere):
    label = broken.judgement.best().recipe
    files = {BASELINE: broken / "baseline" / "model.onnx", label: broken / "candidates" / "1" / "model.onnx"}
    with pytest.raises(
        DataError, match=f"the evidence claims 0.* too much of top1 of {label}, at least, at 95 % confidence"
    ):
        spot_check(
            within(broken.job.spec, policy(tmp_path, trusted)),
            policy(tmp_path, trusted).spec,
            find_pools([broken / "forged", broken / "benchmark"]),
            label,
            files,
        )


def test_on_other_hardware_a_baseline_made_worse_is_refused(measured, models, trusted, tmp_path, elsewhere):
    def worse(arrays):
        arrays[BASELINE] = arrays[BASELINE].copy()
        arrays[BASELINE][:30] = 0

    pools = find_pools([forged(measured, tmp_path / "forged", worse), measured / "benchmark"])
    with pytest.raises(DataError, match=r"claims 0\.06 too much of the weakness of baseline"):
        check(measured, pools, models, policy(tmp_path, trusted))


def test_on_other_hardware_nobody_hides_behind_changes_both_ways(
    measured, pools, models, trusted, tmp_path, elsewhere
):
    """Exchanged rows leave every mean as it is."""
    best = measured.judgement.best().recipe
    swapped = {label: outcomes.copy() for label, outcomes in pools["local"].outcomes.items()}
    for label in (BASELINE, best):
        swapped[label][:100] = 1 - swapped[label][:100]
    gate = policy(tmp_path, trusted, max_relative_drop=0.5)
    with pytest.raises(
        DataError, match=r"claims of baseline are off by 0\.2 on average, at least; hardware explains 0\.05"
    ):
        check(measured, {"local": replace(pools["local"], outcomes=swapped)}, models, gate)
