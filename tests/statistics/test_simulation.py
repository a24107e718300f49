"""The gate on made-up splits with a known truth: the promises about error rates, counted.

``python -m pytest tests/statistics -m long -s`` prints the whole table.
"""

import numpy as np
import pytest

from inc_mlflow.measure.gate.judge import judge
from inc_mlflow.records import BASELINE, Interval
from inc_mlflow.spec import GateSpec
from tests.support.drawn_splits import DRAWS, LIMIT, RIGHT, Truth, bounds, coverage
from tests.support.gate_measurements import FAST, found, model

ROWS, DISAGREEMENTS = (408, 1821, 10_000), (0.01, 0.04, 0.10)
CASES = [(rows, share) for rows in ROWS for share in DISAGREEMENTS]
QUICK = [case for case in CASES if case[0] < 10_000 or case[1] == 0.04]


def promoted(intervals: list[Interval]) -> float:
    return float(np.mean([one.high <= LIMIT for one in intervals]))


@pytest.mark.parametrize(("rows", "disagreement"), QUICK)
def test_at_the_limit_few_are_promoted(rows, disagreement):
    assert promoted(bounds(Truth(rows, disagreement, LIMIT), 0.95, draws=1000)) <= 0.065


@pytest.mark.parametrize(("rows", "disagreement"), QUICK)
@pytest.mark.parametrize("drop", [0.0, LIMIT])
def test_the_bounds_hold_the_truth_as_often_as_they_say(rows, disagreement, drop):
    low, high, _ = coverage(bounds(Truth(rows, disagreement, drop), 0.95, draws=1000), drop)
    assert min(low, high) >= 0.93  # 1,000 draws of 95 %: three standard errors are 0.02


def test_without_a_drop_many_rows_promote():
    assert promoted(bounds(Truth(10_000, 0.04, 0.0), 0.95, draws=500)) >= 0.95


def by_the_gate(truth: Truth, draws: int) -> float:
    """The share that the whole gate passes, from outcomes row by row."""
    counts, times = np.unique(truth.draw(20, draws), axis=0, return_counts=True)
    return (
        sum(int(n) for row, n in zip(counts, times, strict=True) if passes(truth.rows, *map(int, row)))
        / draws
    )


def passes(rows: int, both: int, lost: int, gained: int) -> bool:
    neither = rows - both - lost - gained
    repeats = [both, lost, gained, neither]
    outcomes = {
        BASELINE: np.repeat([1.0, 1.0, 0.0, 0.0], repeats),
        "int8": np.repeat([1.0, 0.0, 1.0, 0.0], repeats),
    }
    return (
        judge(
            [model(name) for name in outcomes], {"local": found(outcomes, {"int8": FAST})}, GateSpec()
        ).verdict
        == "pass"
    )


@pytest.mark.parametrize(("rows", "disagreement"), [(408, 0.01), (1821, 0.04)])
def test_the_whole_gate_promotes_what_its_bounds_promote(rows, disagreement):
    truth = Truth(rows, disagreement, LIMIT)
    assert by_the_gate(truth, 200) == promoted(bounds(truth, 0.95, draws=200))


@pytest.mark.long
def test_all_promises_on_all_cases():
    print(
        f"\n{'rows':>6} {'differ':>6} {'drop':>5} {'promoted':>8} {'low':>6} {'high':>6} {'95 % two-sided':>14}"
    )
    for rows, disagreement in CASES:
        for drop in (LIMIT, 0.0):
            truth = Truth(rows, disagreement, drop)
            share = by_the_gate(truth, DRAWS)
            low, high, _ = coverage(bounds(truth, 0.95), drop)
            both = coverage(bounds(truth, 0.975), drop)[2]
            print(
                f"{rows:6} {disagreement:6.0%} {drop:5.0%} {share:8.4f} {low:6.4f} {high:6.4f} {both:14.4f}"
            )
            assert drop == 0 or share <= 0.065
            assert min(low, high, both) >= 0.935
            if rows >= 1821 and disagreement >= 0.04:
                assert max(low, high, both) <= 0.97
            if (rows, disagreement, drop) == (10_000, 0.04, 0.0):
                assert share >= 0.95


def test_fp32_is_right_as_often_as_the_simulation_says():
    drawn = Truth(10_000, 0.04, LIMIT).draw(1, 200)
    assert (drawn[:, 0] + drawn[:, 1]).mean() / 10_000 == pytest.approx(RIGHT, abs=0.002)
    assert 1 - ((drawn[:, 0] + drawn[:, 2]) / (drawn[:, 0] + drawn[:, 1])).mean() == pytest.approx(
        LIMIT, abs=0.001
    )
