"""Intervals from paired outcomes, against numbers found in other ways."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from inc_mlflow.measure.paired import accuracy, ratio_bounds, relative_drop
from inc_mlflow.measure.score_test import score_statistic

COUNTS = st.tuples(st.integers(1, 400), st.integers(0, 40), st.integers(0, 40), st.integers(0, 200))
"""Rows right in both models, in the baseline only, in the candidate only, and in neither."""


def bounds(both, lost, gained, neither=0, confidence=0.95):
    value = 1 - (both + gained) / (both + lost)
    return ratio_bounds(both, lost, gained, both + lost + gained + neither, value, confidence)


def scores(both, lost, gained, neither=0):
    baseline = np.repeat([1.0, 1.0, 0.0, 0.0], [both, lost, gained, neither])
    return baseline, np.repeat([1.0, 0.0, 1.0, 0.0], [both, lost, gained, neither])


def drop(baseline, candidate, **changes):
    options = {"decomposable": True, "higher_is_better": True, "confidence": 0.95} | changes
    return relative_drop((float(baseline.mean()), baseline), (float(candidate.mean()), candidate), **options)


def score_by_likelihood(both, lost, gained, neither, ratio):
    """The score statistic with the shares that a general optimiser finds most likely where the ratio holds."""
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
    closed = score_statistic(*counts[:3], sum(counts), ratio)
    assert closed == pytest.approx(score_by_likelihood(*counts, ratio), rel=2e-3, abs=2e-3)


@settings(max_examples=40)
@given(st.tuples(st.integers(20, 400), *[st.integers(1, 40)] * 2, st.integers(1, 200)), st.floats(0.8, 1.2))
def test_the_closed_form_agrees_with_it_on_any_table(counts, ratio):
    closed = score_statistic(*counts[:3], sum(counts), ratio)
    assert closed == pytest.approx(score_by_likelihood(*counts, ratio), rel=1e-2, abs=1e-2)


@given(COUNTS, st.floats(0.5, 2))
def test_exchanging_the_models_turns_the_sign_of_the_statistic(counts, ratio):
    both, lost, gained, _ = counts
    rows = sum(counts)
    there = score_statistic(both, lost, gained, rows, ratio)
    back = score_statistic(both, gained, lost, rows, 1 / ratio)
    assert there == pytest.approx(-back, rel=1e-4, abs=1e-4) or (not lost and not gained and abs(ratio - 1) < 1e-6)


@given(COUNTS, st.floats(0.7, 1.3), st.floats(0.7, 1.3))
def test_the_statistic_falls_as_the_ratio_grows(counts, first, second):
    low, high = sorted((first, second))
    assume(high - low > 1e-6)
    both, lost, gained, _ = counts
    assert score_statistic(both, lost, gained, sum(counts), low) >= score_statistic(both, lost, gained, sum(counts), high)


@given(COUNTS)
def test_the_bounds_hold_the_estimate(counts):
    interval = bounds(*counts)
    assert interval.low - 1e-9 <= interval.value <= interval.high + 1e-9
    assert interval.high <= 1


@given(COUNTS)
def test_the_bounds_are_where_the_test_is_at_its_edge(counts):
    both, lost, gained, _ = counts
    interval, z = bounds(*counts), stats.norm.ppf(0.95)
    assert score_statistic(both, lost, gained, sum(counts), 1 - interval.high) == pytest.approx(z, abs=1e-3)
    assert score_statistic(both, lost, gained, sum(counts), 1 - interval.low) == pytest.approx(-z, abs=1e-3)


@given(COUNTS)
def test_more_rows_and_less_confidence_both_narrow_the_bounds(counts):
    width = [one.high - one.low for one in (bounds(*counts), bounds(*(4 * n for n in counts)), bounds(*counts, 0.8))]
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
        ((500, 0, 0, 0), -0.0054, 0.0, 0.0054),
    ],
)
def test_known_cases(counts, low, value, high):
    interval = drop(*scores(*counts))
    assert (interval.low, interval.value, interval.high) == pytest.approx((low, value, high), abs=1e-4)


def test_rows_that_both_have_wrong_do_not_change_the_drop():
    assert bounds(400, 9, 4, 0).high == pytest.approx(bounds(400, 9, 4, 500).high, abs=2e-3)


@pytest.mark.parametrize(("right", "rows"), [(1619, 1821), (500, 500), (1, 40)])
def test_accuracy_of_right_and_wrong_has_wilsons_interval(right, rows):
    z, share = stats.norm.ppf(0.95), right / rows
    middle = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    reach = z / (1 + z**2 / rows) * math.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    interval = accuracy(np.repeat([1.0, 0.0], [right, rows - right]), share, True, 0.95)
    assert (interval.low, interval.value, interval.high) == pytest.approx((middle - reach, share, middle + reach))


@pytest.fixture(scope="module")
def continuous():
    random = np.random.default_rng(7)
    baseline = random.beta(5, 2, 300)
    return baseline, np.clip(baseline + random.normal(-0.01, 0.03, 300), 0, 1)


def test_other_scores_have_the_bounds_of_scipys_bca_bootstrap(continuous):
    baseline, candidate = continuous
    found = stats.bootstrap(
        continuous,
        lambda x, y, axis=-1: 1 - y.mean(axis) / x.mean(axis),
        paired=True,
        vectorized=True,
        confidence_level=0.9,
        method="BCa",
        n_resamples=5000,
        rng=1,
    ).confidence_interval
    interval = drop(baseline, candidate)
    assert interval.value == pytest.approx(1 - candidate.mean() / baseline.mean())
    assert (interval.low, interval.high) == pytest.approx((found.low, found.high), abs=3e-4)
    assert interval.low < interval.value < interval.high
    assert interval == drop(baseline, candidate)


def test_skewed_scores_have_the_bounds_of_bca_and_not_of_plain_percentiles():
    score = np.random.default_rng(4).lognormal(0, 1.2, 40)
    options = {"vectorized": True, "confidence_level": 0.9, "n_resamples": 5000, "rng": 1}
    bca, plain = (stats.bootstrap((score,), np.mean, method=m, **options).confidence_interval for m in ("BCa", "percentile"))
    high = accuracy(score, float(score.mean()), True, 0.95).high
    assert abs(high - bca.high) < 0.2 * abs(high - plain.high)


def test_accuracy_of_other_scores_is_near_students_interval(continuous):
    score = continuous[0]
    interval = accuracy(score, float(score.mean()), True, 0.95)
    reach = stats.t.ppf(0.95, 299) * stats.sem(score)
    assert (interval.low, interval.high) == pytest.approx((score.mean() - reach, score.mean() + reach), abs=2e-3)


def test_equal_scores_drop_by_exactly_nothing(continuous):
    interval = drop(continuous[0], continuous[0].copy())
    assert (interval.low, interval.value, interval.high) == (0, 0, 0)
    constant = np.full(9, 0.25)
    assert drop(constant, constant * 2).high == drop(constant, constant * 2).low == -1


def test_where_lower_is_better_a_higher_value_is_a_drop(continuous):
    baseline = continuous[0]
    worse = baseline + np.random.default_rng(1).normal(0.05, 0.01, len(baseline))
    lower, higher = (drop(baseline, worse, higher_is_better=flag) for flag in (False, True))
    assert lower.low > 0 > higher.high
    assert lower.value == pytest.approx(-higher.value)
    assert drop(-baseline, -worse).low > 0  # a metric below zero: the share is of its size


def test_replicates_of_a_metric_that_does_not_decompose_give_percentiles():
    baseline = np.full(1001, 0.8)
    candidate = 0.8 - np.linspace(0, 0.08, 1001)
    options = {"decomposable": False, "higher_is_better": True, "confidence": 0.95}
    interval = relative_drop((0.8, baseline), (0.77, candidate), **options)
    assert (interval.low, interval.value, interval.high) == pytest.approx((0.005, 0.0375, 0.095))
    shown = accuracy(candidate, 0.77, False, 0.9)
    assert (shown.low, shown.high) == pytest.approx((0.728, 0.792))


@pytest.mark.parametrize(("rows", "disagreement"), [(500, 0.04), (1821, 0.04), (5000, 0.02)])
def test_a_drop_exactly_at_the_limit_passes_in_about_one_of_twenty_tries(rows, disagreement):
    right, limit, tries = 0.9, 0.01, 10_000
    lost = (disagreement + limit * right) / 2
    gained = disagreement - lost
    shares = [right - lost, lost, gained, 1 - right - gained]
    draws, times = np.unique(np.random.default_rng(5).multinomial(rows, shares, tries)[:, :3], axis=0, return_counts=True)
    z = stats.norm.ppf(0.95)
    passed = sum(n for counts, n in zip(draws.tolist(), times, strict=True) if score_statistic(*counts, rows, 1 - limit) >= z)
    assert passed / tries <= 0.065 + 2 * math.sqrt(0.05 * 0.95 / tries)
    assert passed / tries >= 0.02  # nor so strict that nothing could be shown


def test_a_baseline_of_zero_on_one_resample_still_gives_bounds():
    baseline, candidate = np.r_[0.0, np.full(999, 0.5)], np.full(1000, 0.5)
    relative_drop((0.5, baseline), (0.5, candidate), decomposable=False, higher_is_better=True, confidence=0.95)


def test_right_and_wrong_that_never_differ_leave_room_also_where_lower_is_better():
    errors = np.repeat([1.0, 0.0], [20, 480])
    assert drop(errors, errors, higher_is_better=False).high > 0


def test_the_bounds_hold_the_estimate_of_a_candidate_that_has_nothing_right():
    interval = bounds(0, 10, 0, 10)
    assert interval.low <= interval.value <= interval.high
