"""The learning rate of each step, and the search for one."""

import math

import pytest

from inc_mlflow.training.learning_rate import TRIED, find_rate, rate_at


def test_a_rate_rises_and_falls_to_zero():
    rates = [rate_at(step, 100, 1.0, "cosine") for step in range(100)]
    assert rates[0] == pytest.approx(0.2)
    assert max(rates) == rates[5] == 1.0
    assert rates[99] < 0.001
    assert rate_at(99, 100, 1.0, "constant") == 1.0


@pytest.mark.parametrize(
    ("losses", "rate"),
    [
        ({}, TRIED[-1]),
        ({TRIED[-1]: 2.0}, TRIED[-2]),
        ({TRIED[-1]: math.nan, TRIED[-2]: math.inf}, TRIED[-3]),
        (dict.fromkeys(TRIED, 2.0), TRIED[0]),
    ],
)
def test_the_largest_rate_that_lowers_the_loss_is_found(losses, rate):
    assert find_rate(lambda tried: losses.get(tried, 0.5), start=1.0) == rate
