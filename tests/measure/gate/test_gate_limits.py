"""Limits beyond the drop over all rows: absolute, of the worst class, between pools.

Roles; several candidates.
"""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.errors import DataError
from inc_mlflow.measure.gate.judge import judge
from inc_mlflow.measure.stats.holm import holm
from inc_mlflow.records import BASELINE
from inc_mlflow.spec import GateSpec
from tests.support.gate_measurements import FAIL, FAST, GATE, PASS, ROWS, SLOW, UNSURE, found, measured, model

CLASSES = np.arange(ROWS) % 4


def judged(found, /, **gate):
    return judge([model(BASELINE), model("int8")], found, GateSpec(**gate))


def one(accuracy=PASS, classes=CLASSES, **changes):
    return {"local": replace(measured({"int8": accuracy}, {"int8": FAST}, **changes), classes=classes)}


@pytest.mark.parametrize(("limit", "verdict"), [(0.01, "inconclusive"), (0.0135, "pass"), (0.0005, "fail")])
def test_an_absolute_limit_is_in_points_of_the_metric(limit, verdict):
    record = judged(one((16, 2)), max_absolute_drop=limit)
    assert record.verdict == verdict
    assert "top1 drops by 0.007, " in record.reasons[0]
    assert f"allowed is {limit:g}" in record.reasons[0]


def test_two_limits_hold_together():
    assert judged(one((40, 10)), max_relative_drop=0.05).verdict == "pass"
    record = judged(one((40, 10)), max_relative_drop=0.05, max_absolute_drop=0.001)
    assert record.verdict == "fail"
    assert len(record.reasons) == 3


def test_the_worst_class_decides_and_is_named():
    pools = one()
    baseline = pools["local"].outcomes[BASELINE]
    candidate = baseline.copy()
    candidate[np.flatnonzero((CLASSES == 2) & (baseline == 1))[:60]] = 0
    record = pools["local"].evaluation
    results = {
        **record.results,
        "int8": record.results["int8"].model_copy(update={"value": float(candidate.mean())}),
    }
    lost = replace(
        pools["local"],
        outcomes={BASELINE: baseline, "int8": candidate},
        evaluation=record.model_copy(update={"results": results}),
    )
    assert judged({"local": lost}, max_relative_drop=0.05).verdict == "pass"
    found = judged({"local": lost}, max_relative_drop=0.05, max_class_drop=0.05)
    assert found.verdict == "fail"
    assert found.reasons[1].startswith("top1 of class 2 drops by 12 %, at least ")
    assert (
        judged(one(), max_class_drop=0.05)
        .reasons[1]
        .startswith("top1 of class 0 drops by 0 %, at most 0.6 %")
    )


def test_small_classes_are_inconclusive_by_their_own_rows():
    classes = np.where(np.arange(ROWS) < 20, 7, 1)
    found = judged(one(classes=classes), max_class_drop=0.05)
    assert found.verdict == "inconclusive"
    assert found.reasons[1].endswith("rows would decide, the class has 20")


def test_many_classes_do_not_fail_a_candidate_by_chance():
    """Any of the classes could fail by chance: each fails at its Bonferroni share only."""
    random = np.random.default_rng(3)
    fails = 0
    for _ in range(60):
        baseline = (random.random(2000) < 0.9).astype(float)
        flips = random.random(2000) < 0.04
        candidate = np.where(flips, 1 - baseline, baseline)
        pools = measured({"int8": PASS}, {"int8": FAST})
        values = {BASELINE: baseline, "int8": candidate}
        results = {
            name: pools.evaluation.results[name].model_copy(update={"value": float(scores.mean())})
            for name, scores in values.items()
        }
        evaluation = pools.evaluation.model_copy(update={"results": results})
        pool = replace(pools, outcomes=values, evaluation=evaluation, classes=np.arange(2000) % 40)
        found = judged({"local": pool}, max_relative_drop=0.5, max_class_drop=0.04)
        fails += found.verdict == "fail"
    assert fails <= 6


def test_a_limit_on_classes_without_classes_is_refused():
    with pytest.raises(DataError, match=r"^gate.max_class_drop: top1 has no class per row"):
        judged(one(classes=None), max_class_drop=0.1)


def two(accuracy, other, **gate):
    pools = {
        name: measured({"int8": counts}, {"int8": FAST}, name)
        for name, counts in (("x86", accuracy), ("arm", other))
    }
    return judged(pools, **gate)


def test_the_spread_between_pools_is_limited_in_both_directions():
    assert two(PASS, UNSURE, max_relative_drop=0.05).verdict == "pass"
    for pair in ((PASS, (60, 0)), ((60, 0), PASS)):
        found = two(*pair, max_relative_drop=0.05, max_pool_spread=0.01)
        assert found.verdict == "fail"
        assert "drops by 3.33 %, at least " in found.reasons[-1]
    assert two(PASS, PASS, max_pool_spread=0.01).verdict == "pass"


def with_role(role, accuracy=PASS, speed=FAST):
    pools = {
        "x86": measured({"int8": PASS}, {"int8": FAST}, "x86"),
        "a100": measured({"int8": accuracy}, {"int8": speed}, "a100"),
    }
    return judged(pools, pools={"a100": {"role": role}})


@pytest.mark.parametrize(
    ("role", "accuracy", "speed", "verdict"),
    [
        ("required", PASS, SLOW, "fail"),
        ("accuracy_only", PASS, SLOW, "pass"),
        ("accuracy_only", UNSURE, FAST, "inconclusive"),
        ("accuracy_only", FAIL, FAST, "fail"),
        ("informative", FAIL, SLOW, "pass"),
    ],
)
def test_a_role_says_what_of_a_pool_counts(role, accuracy, speed, verdict):
    record = with_role(role, accuracy, speed)
    assert record.verdict == verdict
    row = record.best()
    assert row.per_pool["a100"].speedup == speed
    if role != "required":
        assert row.speedup == FAST


def test_an_informative_pool_keeps_its_own_verdict_and_is_marked_in_the_reasons():
    row = with_role("informative", FAIL).best()
    assert row.per_pool["a100"].verdict == "fail"
    assert row.relative_drop == row.per_pool["x86"].relative_drop
    assert row.reasons[-1].startswith("on a100 (informative): ")


def test_without_a_required_pool_nothing_is_decided():
    with pytest.raises(DataError, match=r"^gate: no pool is required"):
        judged(one(), pools={"local": {"role": "accuracy_only"}})


def test_a_required_pool_without_a_benchmark_is_refused():
    pools = {name: measured({"int8": PASS}, {"int8": FAST}, name) for name in ("x86", "arm")}
    pools["arm"] = replace(pools["arm"], benchmark=None)
    with pytest.raises(DataError, match=r"^gate: pool 'arm' is required and has no benchmark"):
        judged(pools)
    assert judged(pools, pools={"arm": {"role": "accuracy_only"}}).verdict == "pass"


def test_an_emulated_pool_is_never_required_whatever_the_policy_says():
    assert (
        GateSpec(pools={"emulated x86-avx2": {"role": "required"}}).role("emulated x86-avx2", True)
        == "accuracy_only"
    )
    assert (
        GateSpec(pools={"emulated x86-avx2": {"role": "informative"}}).role("emulated x86-avx2", True)
        == "informative"
    )


@given(st.lists(st.floats(1e-4, 0.2), min_size=1, max_size=8))
def test_holms_levels_reject_what_the_textbook_procedure_rejects(values):
    named = {str(index): value for index, value in enumerate(values)}
    levels = holm(0.95, {name: lambda level, p=p: p <= 1 - level for name, p in named.items()})
    expected = set()
    for index, (name, p) in enumerate(sorted(named.items(), key=lambda item: item[1])):
        if p > 0.05 / (len(named) - index) + 1e-12:
            break
        expected.add(name)
    assert {name for name, p in named.items() if p <= 1 - levels[name]} == expected


def several(counts):
    labels = [str(index) for index in range(len(counts))]
    pool = measured(dict(zip(labels, counts, strict=True)), dict.fromkeys(labels, FAST))
    return judge([model(BASELINE), *map(model, labels)], {"local": pool}, GATE)


def test_one_of_many_candidates_needs_more_than_one_alone():
    edge = (18, 11)
    assert several([edge]).verdict == "pass"
    crowd = several([edge, UNSURE, UNSURE, UNSURE])
    row = next(row for row in crowd.table if row.recipe == "0")
    assert row.verdict == "inconclusive"
    assert " at 98.75 % confidence; allowed is 1 %" in row.reasons[0]
    assert (
        row.relative_drop == several([edge]).best().relative_drop
    )  # the table shows the job's own confidence


def test_a_candidate_that_passes_leaves_more_to_the_others():
    edge = (18, 11)
    found = several([edge, PASS])
    assert [row.verdict for row in found.table[1:]] == ["pass", "pass"]


def test_a_candidate_without_a_number_takes_no_ones_place():
    record = measured({"a": (18, 11), "b": PASS}, {"a": FAST, "b": FAST})
    results = {**record.evaluation.results}
    results["b"] = results["b"].model_copy(update={"value": None, "reason": "NaN"})
    pool = replace(record, evaluation=record.evaluation.model_copy(update={"results": results}))
    found = judge([model(BASELINE), model("a"), model("b")], {"local": pool}, GATE)
    verdicts = {row.recipe: row.verdict for row in found.table[1:]}
    assert verdicts == {"a": "inconclusive", "b": "fail"}


def test_the_judgement_carries_the_digest_of_its_policy():
    digests = {
        judged(one(), **gate).policy_sha256
        for gate in ({}, {"max_relative_drop": 0.01}, {"max_relative_drop": 0.02})
    }
    assert len(digests) == 2


def test_a_candidate_that_is_broken_on_one_pool_fails_the_spread_and_stops_nobody():
    pools = {
        name: measured({"int8": PASS, "other": PASS}, {"int8": FAST, "other": FAST}, name)
        for name in ("x86", "arm")
    }
    arm = pools["arm"]
    results = {
        **arm.evaluation.results,
        "int8": arm.evaluation.results["int8"].model_copy(update={"value": 0.0}),
    }
    evaluation = arm.evaluation.model_copy(update={"results": results})
    pools["arm"] = replace(arm, outcomes={**arm.outcomes, "int8": np.zeros(ROWS)}, evaluation=evaluation)
    record = judge([model(BASELINE), model("int8"), model("other")], pools, GateSpec(max_pool_spread=0.01))
    assert {row.recipe: row.verdict for row in record.table[1:]} == {"int8": "fail", "other": "pass"}


def perfect(metric_value):
    """A metric that is 0 for the baseline, as a word error rate may be."""
    outcomes = {BASELINE: np.zeros(ROWS), "int8": np.r_[np.full(2, metric_value), np.zeros(ROWS - 2)]}
    return {"local": found(outcomes, {"int8": FAST}, higher_is_better=False)}


def test_a_baseline_of_zero_is_judged_by_an_absolute_limit_alone():
    record = judged(perfect(0.5), max_absolute_drop=0.01)
    assert (record.verdict, record.best().relative_drop) == ("pass", None)
    assert judged(perfect(0.5), max_absolute_drop=0.0001).verdict == "inconclusive"
    with pytest.raises(DataError, match=r"^gate: the baseline's top1 is 0.0"):
        judged(perfect(0.5))
