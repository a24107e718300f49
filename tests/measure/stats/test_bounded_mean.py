"""The bounds of a mean of bounded values, against laws that are known exactly and against draws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from inc_mlflow.errors import DataError
from inc_mlflow.measure.stats.bounded_mean import BoundedMean, weighted_mean_quantile

CONFIDENCES = (0.55, 0.9, 0.95, 0.99, 1 - 1e-6)


def bounds(values, confidence=0.95, low=0.0, high=1.0, groups=None):
    values = np.asarray(values, float)
    return BoundedMean(values, np.full(len(values), low), np.full(len(values), high), groups).at(confidence)


@pytest.mark.parametrize("confidence", CONFIDENCES)
@pytest.mark.parametrize(
    ("right", "rows"), [(0, 1), (0, 12), (3, 12), (11, 12), (40, 400), (399, 400), (0, 10_000)]
)
def test_of_zeros_and_ones_they_are_clopper_and_pearsons(right, rows, confidence):
    values = np.r_[np.ones(right), np.zeros(rows - right)]
    exact = stats.beta.ppf(confidence, right + 1, rows - right)
    found = bounds(values, confidence).high
    assert found == pytest.approx(exact, rel=0.012)
    if confidence >= 0.9:
        assert found >= exact * (1 - 1e-4)  # errs to the safe side


@pytest.mark.parametrize("rows", [2, 12, 200])
def test_of_other_values_they_are_the_quantiles_of_draws(rows):
    random = np.random.default_rng(rows)
    values = random.random(rows) ** 3
    weights = random.exponential(size=(200_000, rows + 1))
    means = weights @ np.append(values, 1.0) / weights.sum(axis=1)
    assert bounds(values).high == pytest.approx(np.quantile(means, 0.95), rel=8e-3)


@settings(max_examples=60)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=60), st.sampled_from(CONFIDENCES))
def test_they_hold_the_mean_stay_within_the_range_and_grow_with_confidence(values, confidence):
    found, surer = bounds(values, confidence), bounds(values, 1 - (1 - confidence) / 2)
    assert 0 <= surer.low <= found.low + 1e-9 <= found.value + 2e-9
    assert found.value - 1e-9 <= found.high <= surer.high + 1e-9 <= 1 + 2e-9


@settings(max_examples=60)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=60))
def test_turning_the_values_turns_the_bounds(values):
    there, back = bounds(values), bounds(1 - np.array(values))
    assert (there.low, there.high) == pytest.approx((1 - back.high, 1 - back.low), abs=1e-9)


@settings(max_examples=40)
@given(st.lists(st.floats(0, 1), min_size=2, max_size=40), st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_units_do_not_matter(values, shift, scale):
    plain = bounds(values)
    other = bounds(shift + scale * np.array(values), low=shift, high=shift + scale)
    assert (other.low - shift, other.high - shift) == pytest.approx(
        (scale * plain.low, scale * plain.high), rel=1e-4, abs=1e-9 * abs(shift) + 1e-6 * scale
    )


def test_a_value_that_could_not_be_more_leaves_no_room_above():
    assert bounds(np.ones(5)).high == 1.0


def test_a_lost_value_beyond_the_declared_range_still_counts():
    """Of an undeclared range it is only a guess what the most is; what was seen is no guess."""
    values = np.r_[np.zeros(50), 9.0]
    assert bounds(values, high=1.0).high > bounds(values, high=1.0, confidence=0.9).high > 9 / 51


def test_groups_of_one_row_are_rows():
    values = np.random.default_rng(3).random(40)
    assert bounds(values, groups=np.arange(40)) == bounds(values)


def test_more_alike_groups_widen_the_bounds():
    values = np.repeat(np.random.default_rng(3).random(40), 10)
    groups = np.repeat(np.arange(40), 10)
    alike, apart = bounds(values, groups=groups), bounds(values)
    assert alike.high - alike.low > 2 * (apart.high - apart.low)


def test_ten_thousand_equal_values_do_not_cancel_to_noise():
    exact = 1 - 0.05 ** (1 / 10_000)
    assert weighted_mean_quantile(np.r_[np.zeros(10_000), 1.0], 0.95) == pytest.approx(exact, rel=0.01)
    assert 1 - weighted_mean_quantile(np.r_[np.ones(10_000), 0.0], 0.05) == pytest.approx(exact, rel=0.01)


@pytest.mark.parametrize("least", [5e-324, 2.2e-308, 1e-300])
def test_the_smallest_numbers_there_are_are_numbers(least):
    found = bounds([least, 0.0, least], high=least)
    assert 0 <= found.low <= found.value <= found.high <= 2 * least


def test_scores_that_no_mean_can_hold_are_one_line():
    with pytest.raises(DataError, match=r"^metric: the scores are so far apart"):
        bounds([1.7e308, -1.7e308], low=-1.7e308, high=1.7e308)


def test_the_same_bits_every_time():
    values = np.random.default_rng(3).random(1000)
    assert bounds(values) == bounds(values.copy())
