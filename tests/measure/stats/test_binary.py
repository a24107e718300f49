"""Bounds for rows that are right or wrong, against numbers found in other ways."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from inc_mlflow.measure.stats.binary import SPARSE, absolute_bounds, relative_bounds
from inc_mlflow.measure.stats.paired import accuracy
from inc_mlflow.measure.stats.score_test import difference_statistic, ratio_statistic
from tests.support.paired_outcomes import drop, outcomes

COUNTS = st.tuples(st.integers(1, 400), st.integers(0, 40), st.integers(0, 40), st.integers(0, 200))
"""Rows right in both models, in the baseline only, in the candidate only, and in neither."""


def bounds(both, lost, gained, neither=0, confidence=0.95):
    return relative_bounds(both, lost, gained, both + lost + gained + neither, confidence)


def scores(both, lost, gained, neither=0):
    baseline = np.repeat([1.0, 1.0, 0.0, 0.0], [both, lost, gained, neither])
    return baseline, np.repeat([1.0, 0.0, 1.0, 0.0], [both, lost, gained, neither])


def score_by_likelihood(both, lost, gained, neither, ratio):
    """The score statistic with the shares that a general optimiser finds most likely where the ratio
    holds."""
    counts = np.array([both, lost, gained, neither], float)
    rows = counts.sum()
    constraint = np.array([1 - ratio, -ratio, 1.0, 0.0])
    start = np.array([0.9, 0.05, 0.05, 0.0]) * 0.8 + 0.05
    found = optimize.minimize(
        lambda shares: -(counts * np.log(shares)).sum() / rows,
        start / start.sum(),
        jac=lambda shares: -counts / shares / rows,
        bounds=[(1e-9, 1)] * 4,
        constraints=[
            {"type": "eq", "fun": lambda shares: shares.sum() - 1, "jac": lambda _: np.ones(4)},
            {"type": "eq", "fun": lambda shares: constraint @ shares, "jac": lambda _: constraint},
        ],
        method="SLSQP",
        options={"maxiter": 500, "ftol": 1e-14},
    )
    assert abs(found.x.sum() - 1) + abs(constraint @ found.x) < 1e-6
    variance = rows * (constraint**2 @ found.x)
    return (constraint @ counts) / math.sqrt(variance)


CASES = [(1595, 24, 11, 191), (450, 3, 0, 47), (80, 9, 9, 2), (30, 1, 4, 65), (500, 20, 2, 78)]


@pytest.mark.parametrize("counts", CASES)
@pytest.mark.parametrize("ratio", [0.9, 0.99, 1.0, 1.05])
def test_the_closed_form_agrees_with_a_constrained_maximum_likelihood(counts, ratio):
    closed = ratio_statistic(*counts[:3], sum(counts), ratio)
    assert closed == pytest.approx(score_by_likelihood(*counts, ratio), rel=2e-3, abs=2e-3)


@settings(max_examples=40)
@given(st.tuples(st.integers(20, 400), *[st.integers(1, 40)] * 2, st.integers(1, 200)), st.floats(0.8, 1.2))
def test_the_closed_form_agrees_with_it_on_any_table(counts, ratio):
    closed = ratio_statistic(*counts[:3], sum(counts), ratio)
    assert closed == pytest.approx(score_by_likelihood(*counts, ratio), rel=1e-2, abs=1e-2)


@given(COUNTS, st.floats(0.5, 2))
def test_exchanging_the_models_turns_the_sign_of_the_statistic(counts, ratio):
    both, lost, gained, _ = counts
    rows = sum(counts)
    there = ratio_statistic(both, lost, gained, rows, ratio)
    back = ratio_statistic(both, gained, lost, rows, 1 / ratio)
    assert there == pytest.approx(-back, rel=1e-4, abs=1e-4) or (
        not lost and not gained and abs(ratio - 1) < 1e-6
    )


@given(COUNTS, st.floats(0.7, 1.3), st.floats(0.7, 1.3))
def test_the_statistic_falls_as_the_ratio_grows(counts, first, second):
    low, high = sorted((first, second))
    assume(high - low > 1e-6)
    both, lost, gained, _ = counts
    assert ratio_statistic(both, lost, gained, sum(counts), low) >= ratio_statistic(
        both, lost, gained, sum(counts), high
    )


@given(COUNTS)
def test_the_bounds_hold_the_estimate(counts):
    interval = bounds(*counts)
    assert interval.low - 1e-9 <= interval.value <= interval.high + 1e-9
    assert interval.high <= 1


@given(COUNTS)
def test_the_bounds_are_where_the_test_is_at_its_edge(counts):
    both, lost, gained, _ = counts
    interval, z = bounds(*counts), stats.norm.ppf(0.95)
    if not lost and not gained:
        assert (1 - interval.high) ** both == pytest.approx(0.05)
    elif lost >= gained or lost + gained > SPARSE:
        assert ratio_statistic(both, lost, gained, sum(counts), 1 - interval.high) == pytest.approx(
            z, abs=1e-3
        )
    if lost + gained > SPARSE:
        assert ratio_statistic(both, lost, gained, sum(counts), 1 - interval.low) == pytest.approx(
            -z, abs=1e-3
        )


@given(COUNTS)
def test_more_rows_and_less_confidence_both_narrow_the_bounds(counts):
    width = [
        one.high - one.low
        for one in (bounds(*counts), bounds(*(4 * n for n in counts)), bounds(*counts, 0.8))
    ]
    assert width[1] < width[0]
    assert width[2] < width[0]


@given(COUNTS)
def test_exchanging_the_models_inverts_the_bounds(counts):
    both, lost, gained, neither = counts
    there, back = bounds(both, lost, gained, neither), bounds(both, gained, lost, neither)
    assert (1 - there.high) * (1 - back.low) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize(
    ("counts", "low", "value", "high"),
    [
        ((1595, 24, 11, 191), 0.0021, 0.0080, 0.0145),
        ((500, 0, 0, 0), -0.0060, 0.0, 0.0060),
    ],
)
def test_known_cases(counts, low, value, high):
    interval = drop(*scores(*counts))
    assert (interval.low, interval.value, interval.high) == pytest.approx((low, value, high), abs=1e-4)


def test_rows_that_both_have_wrong_do_not_change_the_drop():
    assert bounds(400, 9, 4, 0).high == pytest.approx(bounds(400, 9, 4, 500).high, abs=2e-3)


@pytest.mark.parametrize(("right", "rows"), [(1619, 1821), (500, 500), (0, 30), (1, 40)])
def test_accuracy_of_right_and_wrong_has_the_exact_interval(right, rows):
    found = stats.binomtest(right, rows).proportion_ci(0.9, "exact")
    interval = accuracy(outcomes(np.repeat([1.0, 0.0], [right, rows - right])), True, 0.95)
    one_sided = found.low if right else 0.0, found.high if right < rows else 1.0
    assert (interval.low, interval.value, interval.high) == pytest.approx(
        (one_sided[0], right / rows, one_sided[1])
    )


def tango_by_likelihood(both, lost, gained, neither, difference):
    """The score statistic of a difference, with the shares that a general optimiser finds most likely."""
    counts = np.array([lost, gained, both + neither], float)
    rows = counts.sum()
    found = optimize.minimize_scalar(
        lambda share: -(lost * math.log(share + difference) + gained * math.log(share)
                        + (both + neither) * math.log(1 - 2 * share - difference)),
        bounds=(max(0.0, -difference) + 1e-12, (1 - difference) / 2 - 1e-12),
        method="bounded",
        options={"xatol": 1e-14},
    )  # fmt: skip
    variance = rows * (2 * found.x + difference - difference**2)
    return (rows * difference - (lost - gained)) / math.sqrt(variance)


@pytest.mark.parametrize("counts", [case for case in CASES if case[1] and case[2]])
@pytest.mark.parametrize("difference", [-0.05, 0.001, 0.01, 0.1])
def test_tangos_closed_form_agrees_with_a_constrained_maximum_likelihood(counts, difference):
    closed = difference_statistic(counts[1], counts[2], sum(counts), difference)
    assert closed == pytest.approx(tango_by_likelihood(*counts, difference), rel=1e-3, abs=1e-3)


@given(COUNTS)
def test_the_absolute_bounds_hold_the_estimate_and_exchanging_the_models_turns_them(counts):
    _, lost, gained, _ = counts
    there, back = (absolute_bounds(*pair, sum(counts), 0.95) for pair in ((lost, gained), (gained, lost)))
    assert there.low <= there.value <= there.high
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-8)


@pytest.mark.parametrize(
    "bounds_of", [lambda n: relative_bounds(400, n, 1, 450, 0.95), lambda n: absolute_bounds(n, 1, 450, 0.95)]
)
def test_few_disagreements_lower_the_bound_of_a_loss_and_many_do_not(bounds_of):
    lows = [bounds_of(n).low for n in range(SPARSE + 3)]
    assert lows == sorted(lows)
    assert bounds_of(4).low < 0.0015  # the score test alone says 0.002
