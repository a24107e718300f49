"""A candidate that an engine refuses to load on a pool fails there, and costs no other candidate."""

from dataclasses import replace

import pytest

from inc_mlflow.errors import DataError
from inc_mlflow.measure.gate.judge import judge, judge_pools
from inc_mlflow.records import BASELINE, Evaluated
from inc_mlflow.spec import GateSpec
from tests.support.gate_measurements import FAST, PASS, measured, model

WHY = "computes in bf16, and this CPU has no bf16 instructions; leave bf16 out"
MODELS = [model(BASELINE), model("int8"), model("bf16")]
GATE = GateSpec(allow=("int8", "bf16"))


def loaded(pool):
    return measured({"int8": PASS, "bf16": PASS}, {"int8": FAST, "bf16": FAST}, pool)


def without(label, pool, evaluated=True, benchmarked=True):
    """What a pool measures that cannot load a model: its row has no numbers."""
    one = loaded(pool)
    evidence = one.evaluation.evidence.model_copy(update={"not_loaded": {label: WHY}})
    if evaluated:
        results = one.evaluation.results | {label: Evaluated(value=None, reason=WHY, size_bytes=100)}
        outcomes = {name: values for name, values in one.outcomes.items() if name != label}
        record = one.evaluation.model_copy(update={"results": results, "evidence": evidence})
        one = replace(one, evaluation=record, outcomes=outcomes)
    if benchmarked:
        speedup = {name: ratio for name, ratio in one.benchmark.speedup.items() if name != label}
        record = one.benchmark.model_copy(update={"speedup": speedup, "evidence": evidence})
        one = replace(one, benchmark=record)
    return one


@pytest.mark.parametrize("where", [{}, {"evaluated": False}, {"benchmarked": False}])
def test_it_fails_and_the_others_are_judged(where):
    record = judge(MODELS, {"new": loaded("new"), "old": without("bf16", "old", **where)}, GATE)
    assert (record.verdict, record.best().recipe) == ("pass", "int8")
    row = next(row for row in record.candidates if row.recipe == "bf16")
    assert row.verdict == "fail"
    assert row.reasons.count(f"on old: cannot be run: {WHY}") == 1
    assert (row.per_pool["new"].verdict, row.per_pool["old"].verdict) == ("pass", "fail")


def test_alone_it_is_no_pass():
    pools = {"old": without("bf16", "old")}
    evidence = {"models": {BASELINE: f"sha of {BASELINE}", "bf16": "sha of bf16"}}
    for kind in ("evaluation", "benchmark"):
        record = getattr(pools["old"], kind)
        changed = record.model_copy(update={"evidence": record.evidence.model_copy(update=evidence)})
        pools["old"] = replace(pools["old"], **{kind: changed})
    record = judge([model(BASELINE), model("bf16")], pools, GATE)
    assert (record.verdict, record.reasons) == ("fail", (f"cannot be run: {WHY}",))


def test_a_pool_that_decides_nothing_does_not_fail_it():
    gate = GateSpec.model_validate({"allow": ["int8", "bf16"], "pools": {"old": {"role": "informative"}}})
    record = judge(MODELS, {"new": loaded("new"), "old": without("bf16", "old")}, gate)
    row = next(row for row in record.candidates if row.recipe == "bf16")
    assert row.verdict == "pass"
    assert f"on old (informative): cannot be run: {WHY}" in row.reasons


def test_who_judges_again_from_records_finds_the_same():
    again = judge_pools({"new": loaded("new"), "old": without("bf16", "old")}, GATE)
    assert again.best().recipe == "int8"


def test_numbers_of_what_was_not_loaded_are_refused():
    pool = without("bf16", "old")
    forged = replace(pool, outcomes=pool.outcomes | {"bf16": pool.outcomes["int8"]})
    with pytest.raises(DataError, match="'old' has numbers of a model that was not loaded"):
        judge(MODELS, {"old": forged}, GATE)


def test_a_baseline_that_was_not_loaded_is_refused():
    with pytest.raises(DataError, match="or no baseline; evaluate again"):
        judge(MODELS, {"old": without(BASELINE, "old", benchmarked=False)}, GATE)
