"""Intervals from paired outcomes that are not right or wrong, against numbers found in other ways."""

import numpy as np
import pytest
from scipy import stats

from inc_mlflow.errors import DataError
from inc_mlflow.measure.stats.bounded_mean import BoundedMean
from inc_mlflow.measure.stats.outcomes import Outcomes
from inc_mlflow.measure.stats.paired import Pair, absolute_drop, accuracy, relative_drop
from inc_mlflow.measure.stats.score_test import unseen
from tests.support.paired_outcomes import drop, outcomes, pair


@pytest.fixture(scope="module")
def continuous():
    random = np.random.default_rng(7)
    baseline = random.beta(5, 2, 300)
    return baseline, np.clip(baseline + random.normal(-0.01, 0.03, 300), 0, 1)


def test_other_scores_are_near_scipys_bca_bootstrap_and_wider_by_what_no_row_shows(continuous):
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
    interval = drop(baseline, candidate, between=(0, 1))
    assert interval.value == pytest.approx(1 - candidate.mean() / baseline.mean())
    assert interval.low < found.low < interval.value < found.high < interval.high
    assert (
        interval.high - found.high < unseen(300, 0.95) * 1.5
    )  # a row loses its score at most, and large ones more
    assert found.low - interval.low < unseen(300, 0.95)
    assert interval == drop(baseline, candidate, between=(0, 1))


def test_accuracy_of_other_scores_is_near_students_interval(continuous):
    score = continuous[0]
    interval = accuracy(outcomes(score), True, 0.95, (0, 1))
    reach = stats.t.ppf(0.95, 299) * stats.sem(score)
    assert (interval.low, interval.high) == pytest.approx(
        (score.mean() - reach, score.mean() + reach), abs=4e-3
    )
    assert interval.low < score.mean() - reach
    assert interval.high > score.mean() + reach


def test_equal_scores_prove_no_more_than_equal_right_and_wrong(continuous):
    """Losses that strike rows at random are as large as the rows' scores, the larger ones more so."""
    equal, right = drop(continuous[0], continuous[0].copy(), between=(0, 1)), drop(np.ones(300), np.ones(300))
    assert equal.value == 0
    scores = continuous[0]
    assert equal.high == pytest.approx(
        right.high * (1 + np.square(scores).mean() / scores.mean() ** 2) / 2, rel=2e-2
    )
    assert equal.low < 0


def test_what_a_row_can_lose_comes_from_the_range_and_never_from_the_sample():
    """Twelve scores that are all alike show no loss of the kind that a range of 0 to 1 allows."""
    near = np.full(12, 0.9) + np.linspace(0, 1e-3, 12)
    assert drop(near, near, between=(0, 1)).high > 0.2
    assert drop(near, near, between=(0.85, 1)).high < 0.02
    assert drop(near, near).high > 0.2  # undeclared: as much as the scores are


def test_two_rows_of_one_score_prove_nothing():
    half = np.full(2, 0.5)
    for between in ((0, 1), (None, None)):
        assert drop(half, half, between=between).high > 0.7


def test_a_row_of_an_error_can_lose_up_to_the_largest_one():
    errors = np.full(400, 0.1)
    loss = drop(errors, errors, higher_is_better=False, between=(0, 1)).high
    assert loss == pytest.approx(9 * unseen(400, 0.95), rel=1e-2)


def test_rows_of_one_group_count_once(continuous):
    """Each row five times is not five times as many rows, if they are told to be one group."""
    baseline, candidate = (np.repeat(one, 5) for one in continuous)
    groups = np.repeat(np.arange(300), 5)
    alone, together = (
        drop(*continuous, between=(0, 1)),
        drop(baseline, candidate, between=(0, 1), groups=groups),
    )
    assert together.low == pytest.approx(alone.low, rel=1e-6)
    assert (
        alone.high < together.high < 1.2 * alone.high
    )  # a group that no row shows may be one of the largest
    assert drop(baseline, candidate, between=(0, 1)).high < together.high


def test_right_and_wrong_in_groups_are_no_counts():
    right = np.ones(400)
    groups = np.repeat(np.arange(40), 10)
    assert drop(right, right, groups=groups).high == pytest.approx(unseen(40, 0.95), rel=1e-2)


def test_one_row_that_differs_does_not_narrow_what_equal_ones_prove(continuous):
    baseline = continuous[0]
    candidate = baseline.copy()
    candidate[0] -= 1e-3
    assert drop(baseline, candidate).high >= drop(baseline, baseline).high


def test_where_lower_is_better_a_higher_value_is_a_drop(continuous):
    baseline = continuous[0]
    worse = baseline + np.random.default_rng(1).normal(0.05, 0.01, len(baseline))
    lower, higher = (drop(baseline, worse, higher_is_better=flag) for flag in (False, True))
    assert lower.low > 0 > higher.high
    assert lower.value == pytest.approx(-higher.value)
    assert drop(-baseline, -worse).low > 0  # a metric below zero: the share is of its size


def test_replicates_of_a_metric_that_does_not_decompose_give_percentiles():
    """Of many rows, where what no row shows is next to nothing."""
    baseline = np.full(1001, 0.8)
    candidate = 0.8 - np.linspace(0, 0.0008, 1001)
    replicates = Pair(Outcomes(0.8, baseline), Outcomes(0.7997, candidate), False, True, 10**7, (0, 1))
    interval = relative_drop(replicates, 0.01)(0.95)
    assert (interval.low, interval.value, interval.high) == pytest.approx(
        (0.00005, 0.000375, 0.00095), abs=1e-5
    )
    absolute = absolute_drop(replicates)(0.95)
    assert (absolute.low, absolute.value, absolute.high) == pytest.approx(
        (0.00004, 0.0003, 0.00076), abs=1e-5
    )
    shown = accuracy(Outcomes(0.7997, candidate), False, 0.9, (0, 1), rows=10**7)
    assert (shown.low, shown.high) == pytest.approx((0.79928, 0.79992), abs=1e-5)


def test_a_baseline_of_zero_on_one_resample_still_gives_bounds():
    baseline, candidate = np.r_[0.0, np.full(999, 0.5)], np.full(1000, 0.5)
    relative_drop(Pair(Outcomes(0.5, baseline), Outcomes(0.5, candidate), False, True, 1000), 0.01)(0.95)


def test_right_and_wrong_that_never_differ_leave_room_also_where_lower_is_better():
    errors = np.repeat([1.0, 0.0], [20, 480])
    assert drop(errors, errors, higher_is_better=False).high > 0


def test_the_relative_drop_of_scores_is_decided_by_z(continuous):
    """Within the limit exactly where the bound of the mean of z = (1 - limit) x baseline - candidate is at
    most 0."""
    baseline, candidate = continuous
    for limit in np.linspace(0.0, 0.03, 7):
        z = (1 - limit) * baseline - candidate
        found = BoundedMean(z, baseline * (1 - limit) - 1, baseline * (1 - limit)).at(0.95)
        bound = drop(baseline, candidate, limit=limit, between=(0, 1))
        assert (bound.high <= limit) == (found.high <= 0)
        assert (bound.low > limit) == (found.low > 0)


def test_an_absolute_drop_is_in_the_metrics_unit_and_turns_where_lower_is_better(continuous):
    baseline, candidate = continuous
    higher, lower = (absolute_drop(pair(baseline, candidate, flag))(0.95) for flag in (True, False))
    assert higher.value == pytest.approx(baseline.mean() - candidate.mean())
    assert lower.value == pytest.approx(-higher.value)
    assert lower.low < -higher.value < lower.high
    right, wrong = np.repeat([1.0, 0.0], [450, 50]), np.repeat([1.0, 0.0], [440, 60])
    assert absolute_drop(pair(right, wrong))(0.95).value == pytest.approx(0.02)
    assert absolute_drop(pair(right, wrong, False))(0.95).value == pytest.approx(-0.02)


def test_a_baseline_of_zero_has_no_relative_drop():
    with pytest.raises(DataError, match=r"^metric: the baseline's is 0"):
        drop(np.zeros(9), np.ones(9) / 2)


def f1_pair(rows, same=True, replicates=1000):
    """Replicates of an F1 of 0.8 that only differ by resampling, of a model that answers as the baseline
    does."""
    values = np.clip(np.random.default_rng(2).normal(0.8, np.sqrt(0.8 * 0.2 / rows), replicates), 0, 1)
    return Pair(Outcomes(0.8, values), Outcomes(0.8, values if same else values - 0.05), False, True, rows)


@pytest.mark.parametrize(("rows", "passes"), [(1, False), (12, False), (100, False), (1000, True)])
def test_a_metric_that_does_not_decompose_proves_nothing_on_a_handful_of_rows(rows, passes):
    assert (relative_drop(f1_pair(rows), 0.01)(0.95).high <= 0.01) == passes


def test_a_metric_that_hangs_on_few_of_the_rows_counts_those():
    """F1 of 20 positives among 2,000 rows is as uncertain as a share of few rows."""
    wide = f1_pair(20)
    sparse = Pair(wide.baseline, wide.candidate, False, True, 2000)
    assert relative_drop(sparse, 0.01)(0.95).high == pytest.approx(unseen(20, 0.95), rel=0.2)


def test_constant_replicates_leave_what_no_row_shows():
    """As where the baseline is its own reference: equal on every resample of 50 rows is not equal on all that could come.

    Rows weigh differently, so they count as 33.
    """
    perfect = Outcomes(1.0, np.ones(1000))
    found = relative_drop(Pair(perfect, perfect, False, True, 50, effective_rows=50), 0.01)(0.95)
    assert (found.low, found.value, found.high) == pytest.approx((0, 0, unseen(33, 0.95)), rel=1e-3)


def test_a_metric_that_never_varies_and_does_not_tell_on_what_it_hangs_proves_nothing():
    """F1 of 1: 5 % of 10,000 rows are positive, or 0.1 %, and a callable does not say."""
    perfect = Outcomes(1.0, np.ones(1000))
    drops = [
        relative_drop(Pair(perfect, perfect, False, True, 10_000, effective_rows=told), 0.01)(0.95).high
        for told in (None, 10, 500)
    ]
    assert drops == pytest.approx([0.95, unseen(10, 0.95), unseen(500, 0.95)], rel=1e-3)


def test_a_baseline_next_to_nothing_is_one_line():
    errors = np.full(20, 1e-12)
    with pytest.raises(DataError, match=r"^metric: the baseline is so small"):
        drop(errors, errors, higher_is_better=False, between=(0.0, 1e300))
    with pytest.raises(DataError, match=r"^metric: the baseline is so small"):
        drop(np.full(20, 5e-324), np.full(20, 5e-324), between=(0.0, 1.0))


@pytest.mark.parametrize("share", [0.01, 0.5])
def test_one_row_that_is_neither_right_nor_wrong_does_not_free_the_others(share):
    """An error of 1 %: equal models, one row of which has half an error."""
    errors = (np.arange(1000) < 10).astype(float)
    mixed = errors.copy()
    mixed[5] = share
    binary, other = drop(errors, errors, higher_is_better=False), drop(mixed, mixed, higher_is_better=False)
    assert other.high > 0.8 * binary.high > 0.1


def test_beyond_what_the_replicates_resolve_the_bounds_go_on():
    random = np.random.default_rng(0)
    pair_ = Pair(
        Outcomes(0.8, np.full(1000, 0.8)), Outcomes(0.8, random.normal(0.8, 0.01, 1000)), False, True, 10**6
    )
    bounds = [absolute_drop(pair_)(level).high for level in (0.99, 0.999, 0.99999, 0.9999999)]
    assert bounds == sorted(set(bounds))


def test_a_metric_near_zero_has_an_absolute_drop_on_every_resample():
    values = np.random.default_rng(1).choice([0.0, 0.02], 1000, p=[0.2, 0.8])
    found = absolute_drop(Pair(Outcomes(0.016, values), Outcomes(0.016, values), False, True, 5000))(0.95)
    assert found.value == 0 < found.high < 0.02


@pytest.mark.parametrize("higher_is_better", [True, False])
def test_a_baseline_of_zero_that_never_changes_is_not_known_exactly(higher_is_better):
    """A word error rate, or a correlation, of 0 on three rows."""
    nothing = Outcomes(0.0, np.zeros(1000))
    found = absolute_drop(Pair(nothing, nothing, False, higher_is_better, 3, effective_rows=3))(0.95)
    assert found.high == pytest.approx(unseen(2, 0.95), rel=1e-3)
