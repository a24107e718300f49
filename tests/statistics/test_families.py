"""The promise for scores of every kind: exactly at the limit few are promoted, and intervals hold the truth.

``python -m pytest tests/statistics/test_families.py -m long -s`` prints the table of docs/gate.md.
"""

import numpy as np
import pytest

from inc_mlflow.measure.stats.paired import Bounds, relative_drop
from tests.support.drawn_splits import LIMIT
from tests.support.interval_shares import LEAST, MOST, coverage, error, exact_power, promoted
from tests.support.score_families import FAMILIES, Family

ROWS = (12, 50, 200, 1000, 10_000)
LOSES = ("rarely", "widely")
named = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)


def drawn(family: Family, rows: int, drop: float, loses: str, draws: int) -> list[Bounds]:
    random = np.random.default_rng(20)
    return [relative_drop(family.pair(random, rows, drop, loses), LIMIT) for _ in range(draws)]


@named
@pytest.mark.parametrize("loses", LOSES)
def test_at_the_limit_few_are_promoted(family, loses):
    for rows in ROWS[:4]:
        assert promoted(drawn(family, rows, LIMIT, loses, 80)) <= MOST + 1.5 * error(0.05, 80)


@named
def test_intervals_hold_the_truth(family):
    assert min(coverage(drawn(family, 200, LIMIT, "widely", 80))) >= LEAST - 1.5 * error(0.05, 80)


@named
def test_an_unchanged_model_is_promoted_at_400_rows_where_the_range_is_declared(family):
    """Not by rows of 80 speakers: one in a hundred speakers lost is seen among 80 in 55 of 100 splits
    only."""
    unchanged = all(one(0.95).high <= LIMIT for one in drawn(family, 400, 0.0, "rarely", 20))
    assert unchanged == (family.between[0] is not None and family.groups is None)


def test_the_exact_test_has_its_level_and_hardly_any_power_at_twice_the_limit():
    assert [exact_power(rows, LIMIT) for rows in ROWS] == pytest.approx([0.05] * 5, rel=1e-6)
    assert exact_power(1000, 2 * LIMIT) < 1e-3


@pytest.mark.long
def test_all_families_on_all_sizes():
    print(
        f"\n{'scores':13} {'loses':6} {'rows':>6} {'limit':>6} {'twice':>6} {'low':>6} {'high':>6} {'both':>6} {'power':>6}"
    )
    for family in FAMILIES:
        for loses in LOSES:
            for rows in ROWS:
                draws = 2000 if rows < 10_000 else 1000
                at, beyond = (
                    drawn(family, rows, LIMIT, loses, draws),
                    drawn(family, rows, 2 * LIMIT, loses, draws),
                )
                shares = promoted(at), promoted(beyond), *coverage(at)
                power = exact_power(rows, 2 * LIMIT)
                numbers = " ".join(f"{share:6.1%}" for share in (*shares, power))
                print(f"{family.name:13} {loses:6} {rows:6} {numbers}", flush=True)
                assert shares[0] <= MOST + error(0.05, draws)
                assert shares[1] <= power + 0.005
                assert min(shares[2:]) >= LEAST - error(0.05, draws)
