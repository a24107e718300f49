"""The same promise for metrics that are not right or wrong per row: exactly at the limit, few are
promoted."""

import numpy as np
import pytest

from inc_mlflow.measure.stats.outcomes import Outcomes
from inc_mlflow.measure.stats.paired import Pair, relative_drop
from tests.support.drawn_splits import LIMIT

POPULATION = 400_000
DRAWS = 150
WITHIN = 0.065 + 2 * np.sqrt(0.05 * 0.95 / DRAWS)
"""The promise, and two standard errors of so few draws."""


def f1(predicted, labels):
    return 2 * (predicted & labels).sum(-1) / np.maximum(1, predicted.sum(-1) + labels.sum(-1))


def classifiers(positive, disagreement):
    """Labels, a baseline that is right on 90 %, and a candidate whose F1 is lower by the limit exactly."""
    random = np.random.default_rng(5)
    labels, luck = random.random(POPULATION) < positive, random.random(POPULATION)
    baseline = labels ^ (random.random(POPULATION) > 0.9)
    right = baseline == labels

    def candidate(lost):
        return baseline ^ (luck < np.where(right, lost, max(0.0, disagreement - 0.9 * lost) / 0.1))

    low, high = 0.0, disagreement / 0.9
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (
            (middle, high)
            if f1(candidate(middle), labels) > (1 - LIMIT) * f1(baseline, labels)
            else (low, middle)
        )
    return labels, baseline, candidate(high)


def f1_promoted(rows, positive, disagreement, draws=DRAWS):
    labels, baseline, candidate = classifiers(positive, disagreement)
    random, passed = np.random.default_rng(1), 0
    for _ in range(draws):
        drawn = random.integers(0, POPULATION, rows)
        kept = [array[drawn] for array in (labels, baseline, candidate)]
        resampled = random.integers(0, rows, (1000, rows))
        found = [
            Outcomes(float(f1(kept[model], kept[0])), f1(kept[model][resampled], kept[0][resampled]))
            for model in (1, 2)
        ]
        if found[0].value:
            passed += relative_drop(Pair(*found, False, True, rows), LIMIT)(0.95).high <= LIMIT
    return passed / draws


@pytest.mark.parametrize(("rows", "positive"), [(12, 0.5), (50, 0.5), (408, 0.5), (408, 0.1)])
def test_an_f1_exactly_at_the_limit_is_seldom_promoted(rows, positive):
    assert f1_promoted(rows, positive, 0.02) <= WITHIN


def scores_promoted(rows, draws=DRAWS):
    """Scores of 0.8 with noise on a fifth of the rows, and rare total losses that make up the drop."""
    random, passed = np.random.default_rng(2), 0
    for _ in range(draws):
        baseline = np.clip(random.normal(0.8, 0.1, rows), 0, 1)
        candidate = baseline + random.choice([0.0, 0.05, -0.05], rows, p=[0.8, 0.1, 0.1])
        candidate[random.random(rows) < LIMIT] = 0.0
        pair = Pair(
            Outcomes(float(baseline.mean()), baseline),
            Outcomes(float(candidate.mean()), candidate),
            True,
            True,
            rows,
        )
        passed += relative_drop(pair, LIMIT)(0.95).high <= LIMIT
    return passed / draws


@pytest.mark.parametrize("rows", [100, 408])
def test_rare_losses_among_noise_are_seldom_promoted(rows):
    assert scores_promoted(rows) <= WITHIN


@pytest.mark.long
def test_all_cases_of_other_metrics():
    print(f"\n{'rows':>6} {'positive':>8} {'differ':>6} {'promoted':>8}")
    for rows in (50, 100, 200, 408, 1821, 5000):
        for positive in (0.5, 0.1, 0.03):
            for disagreement in (0.015, 0.02, 0.04):
                share = f1_promoted(rows, positive, disagreement)
                print(f"{rows:6} {positive:8.0%} {disagreement:6.1%} {share:8.4f}")
                assert share <= WITHIN
    for rows in (100, 408, 1821):
        print(f"{rows:6} scores with rare losses {scores_promoted(rows):8.4f}")
        assert scores_promoted(rows) <= WITHIN
