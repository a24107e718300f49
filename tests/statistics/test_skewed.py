"""Where few rows, or few groups, hold most of what there is to lose: the promise, and what no bound can promise.

``python -m pytest tests/statistics/test_skewed.py -m long -s`` prints the table.
"""

import numpy as np
import pytest

from inc_mlflow.measure.stats.outcomes import Outcomes
from inc_mlflow.measure.stats.paired import Pair, relative_drop
from inc_mlflow.metrics.classification import F1Binary
from tests.support.drawn_splits import LIMIT
from tests.support.interval_shares import MOST, error

SKEWED = {
    "one in twenty is 1, others 0.05": (
        lambda random, rows: np.where(random.random(rows) < 0.05, 1.0, 0.05),
        (2000, 3000, 5000),
    ),
    "beta(0.1, 3)": (lambda random, rows: random.beta(0.1, 3, rows), (2000, 3000, 5000)),
    "three in five are 0": (
        lambda r, rows: np.where(r.random(rows) < 0.6, 0.0, r.beta(1, 4, rows)),
        (1000, 1500, 2000),
    ),
    "uniform": (lambda random, rows: random.random(rows), (300, 350, 400, 450, 600)),
}
"""Scores, and the rows where most was promoted before the largest losses counted."""


def outcomes(scores):
    return Outcomes(float(scores.mean()), scores)


def promoted(scores, rows, draws):
    """One row in a hundred loses all it has, whatever that is."""
    random, passed = np.random.default_rng(31), 0
    for _ in range(draws):
        baseline = scores(random, rows)
        candidate = np.where(random.random(rows) < LIMIT, 0.0, baseline)
        pair = Pair(outcomes(baseline), outcomes(candidate), True, True, rows, (0.0, 1.0))
        passed += relative_drop(pair, LIMIT)(0.95).high <= LIMIT
    return passed / draws


def promoted_by_groups(large, size, number, draws):
    """Groups of 2 rows and some of ``size``; one in a hundred is lost, the large ones as well."""
    random, passed = np.random.default_rng(32), 0
    for _ in range(draws):
        sizes = np.where(random.random(number) < large, size, 2)
        groups = np.repeat(np.arange(number), sizes)
        baseline = 0.8 + 0.2 * random.random(len(groups))
        candidate = np.where((random.random(number) < LIMIT)[groups], 0.0, baseline)
        pair = Pair(outcomes(baseline), outcomes(candidate), True, True, len(groups), (0.0, 1.0), groups)
        passed += relative_drop(pair, LIMIT)(0.95).high <= LIMIT
    return passed / draws


def f1_promoted(rows, draws):
    """A baseline that is always right on 5 % positives, and a candidate that misses some: F1 of 0.99."""
    random, passed, f1 = np.random.default_rng(33), 0, F1Binary()
    for _ in range(draws):
        label = random.random(rows) < 0.05
        missed = label & (random.random(rows) < 1 - 0.99 / 1.01)
        resampled = random.multinomial(rows, np.full(rows, 1 / rows), 1000)
        right = Outcomes(1.0, np.ones(1000))
        positive, found = resampled @ label, resampled @ (label & ~missed)
        values = 2 * found / np.maximum(positive + found, 1)
        hits = int((label & ~missed).sum())
        candidate = Outcomes(2 * hits / max(1, int(label.sum()) + hits), values)
        weight = float(f1.row_weights({"label": label.astype(int)}).sum())
        pair = Pair(right, candidate, False, True, rows, (0.0, 1.0), effective_rows=weight)
        passed += relative_drop(pair, LIMIT)(0.95).high <= LIMIT
    return passed / draws


@pytest.mark.parametrize("name", SKEWED)
def test_losses_that_strike_any_row_are_seldom_promoted(name):
    scores, sizes = SKEWED[name]
    for rows in sizes[:2]:
        assert promoted(scores, rows, 60) <= MOST + 1.5 * error(0.05, 60)


@pytest.mark.parametrize(("large", "size", "number"), [(0.05, 100, 3000), (0.2, 10, 600)])
def test_groups_of_unequal_size_are_seldom_promoted(large, size, number):
    assert promoted_by_groups(large, size, number, 60) <= MOST + 1.5 * error(0.05, 60)


@pytest.mark.parametrize("rows", [460, 1000])
def test_an_f1_of_1_hangs_on_its_positives(rows):
    assert f1_promoted(rows, 40) <= MOST + 1.5 * error(0.05, 40)


@pytest.mark.long
def test_all_skewed_scores():
    print(f"\n{'scores':32} {'rows':>6} {'promoted':>8}")
    cases = {
        (name, rows): promoted(scores, rows, 1000)
        for name, (scores, sizes) in SKEWED.items()
        for rows in sizes
    }
    for large, size, number in ((0.05, 100, 3000), (0.05, 100, 5000), (0.2, 10, 600), (0.2, 10, 800)):
        cases[f"groups of 2, {large:.0%} of {size}", number] = promoted_by_groups(large, size, number, 500)
    cases |= {("F1 of 1, 5 % positive", rows): f1_promoted(rows, 300) for rows in (300, 460, 1000, 5000)}
    for (name, rows), share in cases.items():
        print(f"{name:32} {rows:6} {share:8.1%}")
    assert max(cases.values()) <= MOST + error(0.05, 500)
