"""How often rows run again on other hardware show a forger, and how often they accuse an honest pipeline."""

import math

import numpy as np
import pytest

from inc_mlflow.measure.stats.agreement import overclaimed

RIGHT, LIMIT, CONFIDENCE = 0.9, 0.01, 0.95
DRAWS = 1000


def refused(drawn: int, rows: int, forged: float, noise: float) -> float:
    """Return the share of draws that are refused.

    Of all rows ``forged`` are claimed right and are not, and other hardware changes ``noise``.
    """
    gained, lost = round(rows * (forged + noise / 2)), round(rows * noise / 2)
    split = np.repeat([1.0, -1.0, 0.0], [gained, lost, rows - gained - lost])
    random = np.random.default_rng(6)
    found = (overclaimed(random.choice(split, drawn, replace=False), rows, CONFIDENCE) for _ in range(DRAWS))
    return sum(one > LIMIT * RIGHT for one in found) / DRAWS


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.04])
@pytest.mark.parametrize(("drawn", "rows"), [(50, 1000), (200, 1000), (200, 20000), (1000, 10000)])
def test_hardware_that_costs_what_is_allowed_is_seldom_taken_for_a_forger(drawn, rows, noise):
    assert refused(drawn, rows, LIMIT * RIGHT, noise) <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / DRAWS)


@pytest.mark.parametrize(
    ("drawn", "forged", "noise", "power"),
    [
        (200, 0.03, 0.01, 0.46),
        (200, 0.05, 0.01, 0.81),
        (1000, 0.02, 0.01, 0.67),
        (500, 0.05, 0.1, 0.78),
        (1000, 0.03, 0.1, 0.60),
    ],
)
def test_what_the_documentation_promises_is_found(drawn, forged, noise, power):
    assert refused(drawn, 20000, forged, noise) == pytest.approx(power, abs=0.05)


def test_of_rows_that_were_all_run_nothing_is_in_doubt():
    assert overclaimed(np.array([0.0, 1.0, 0.0, 0.0]), 4, CONFIDENCE) == 0.25


def test_a_single_row_of_many_shows_nothing():
    assert overclaimed(np.array([1.0]), 100, CONFIDENCE) == -math.inf


def test_rows_that_are_all_claimed_too_good_leave_no_doubt():
    assert overclaimed(np.ones(20), 100, CONFIDENCE) == 1.0
