"""Speed counts at the gate's confidence and among all candidates, whatever the benchmark was asked for."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.measure.gate.criteria import rescale_bounds
from inc_mlflow.measure.gate.judge import judge
from inc_mlflow.records import BASELINE, Interval
from inc_mlflow.spec import GateSpec
from tests.support.gate_measurements import FAST, PASS, benchmark, measured, model

EDGE = Interval(value=1.02, low=1.001, high=1.04)


def judged(speeds, confidence=0.95, measured_at=0.95):
    pool = measured(dict.fromkeys(speeds, PASS), speeds)
    record = benchmark(pool.evaluation.evidence, speeds, confidence=measured_at)
    models = [model(BASELINE), *map(model, speeds)]
    return judge(
        models,
        {"local": replace(pool, benchmark=record)},
        GateSpec(confidence=confidence, max_relative_drop=0.05),
    )


def test_a_ratio_at_the_edge_passes_alone_and_not_in_a_crowd():
    assert judged({"a": EDGE}).verdict == "pass"
    crowd = judged({"a": EDGE, "b": EDGE, "c": EDGE})
    assert crowd.verdict == "inconclusive"
    assert "but it could be 0.99x to 1.05x at 98.33 % confidence; needed is 1.00x" in crowd.reasons[1]
    assert crowd.best().speedup == EDGE


@pytest.mark.parametrize("value", [0.97, 1.03])
def test_a_ratio_whose_bounds_hold_the_needed_one_decides_nothing_on_whichever_side_it_is(value):
    assert judged({"a": Interval(value=value, low=0.9, high=1.1)}).verdict == "inconclusive"


def test_who_passes_surely_leaves_the_last_one_its_full_chance():
    table = {row.recipe: row.verdict for row in judged({"a": EDGE, "b": FAST}).table[1:]}
    assert table == {"a": "pass", "b": "pass"}


def test_a_stricter_policy_widens_the_bounds_that_a_benchmark_was_made_with():
    assert judged({"a": EDGE}, 0.99).verdict == "inconclusive"
    assert judged({"a": EDGE}, 0.95, measured_at=0.6).verdict == "inconclusive"
    assert judged({"a": EDGE}, 0.95, measured_at=0.99).verdict == "pass"


def test_candidates_that_are_slow_in_truth_seldom_pass_among_many():
    """A ratio of 0.99 in truth and 1 % of noise: the share of judgements in which any of five is called fast
    enough."""
    import numpy as np

    draws = 0.99 * np.exp(np.random.default_rng(8).normal(0, 0.01, (200, 5)))
    reach = np.exp(1.645 * 0.01)
    passed = 0
    for row in draws:
        speeds = {
            str(index): Interval(value=one, low=one / reach, high=one * reach)
            for index, one in enumerate(row.tolist())
        }
        passed += judged(speeds).verdict == "pass"
    assert passed / len(draws) <= 0.05


@given(st.floats(0.55, 0.995), st.floats(0.55, 0.995), st.floats(0.9, 1.0), st.floats(1.0, 1.2))
def test_bounds_at_more_confidence_hold_those_at_less(one, other, low, high):
    ratio = Interval(value=1.0, low=low, high=high)
    there = rescale_bounds(ratio, one, other)
    if other >= one:
        assert there.low <= low + 1e-12
        assert there.high >= high - 1e-12
    assert rescale_bounds(ratio, one, one) == ratio


def test_a_normal_ratio_is_widened_at_least_as_the_normal_law_says():
    found = rescale_bounds(Interval(value=2.0, low=2.0 / 1.05, high=2.0 * 1.05), 0.95, 0.99)
    assert found.high >= 2.0 * 1.05 ** (2.326 / 1.645)
    assert found.value == pytest.approx(2.0)
