"""Metrics of all rows together with a known truth: F1 of few positives, mAP and BLEU on drawn splits."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from inc_mlflow.measure.stats.outcomes import Outcomes
from inc_mlflow.measure.stats.paired import Pair

Random = np.random.Generator
RESAMPLES = 1000
_AT_ONCE = 4_000_000
"""Weights of rows that are computed with at a time."""


@dataclass(frozen=True)
class Whole:
    """A population of rows: statistics of what each model answers, and the metric of weighted rows.

    ``metric(statistics, weights)`` takes weights of shape (splits, rows) and returns (splits,).
    """

    name: str
    between: tuple[float, float]
    baseline: np.ndarray
    candidates: Callable[[float], np.ndarray]
    """From the share of rows that are struck to the candidate's statistics."""
    metric: Callable[[np.ndarray, np.ndarray], np.ndarray]

    def value(self, statistics: np.ndarray) -> float:
        """Return the metric of as many rows, each once."""
        return float(self.metric(statistics, np.ones((1, len(statistics)), np.float32))[0])

    def losing(self, drop: float) -> np.ndarray:
        """Return the statistics of a candidate that loses ``drop`` of the whole population's metric."""
        low, high, goal = 0.0, 0.5, (1 - drop) * self.value(self.baseline)
        for _ in range(25):
            middle = (low + high) / 2
            low, high = (middle, high) if self.value(self.candidates(middle)) > goal else (low, middle)
        return self.candidates(high)

    def pair(self, random: Random, rows: int, candidate: np.ndarray) -> Pair:
        """Draw a split, and what both models give on its resamples."""
        drawn = random.integers(0, len(self.baseline), rows)
        weights = random.multinomial(rows, np.full(rows, 1 / rows), RESAMPLES)
        found = (self._outcomes(one[drawn], weights) for one in (self.baseline, candidate))
        return Pair(*found, False, True, rows, self.between)

    def _outcomes(self, statistics: np.ndarray, weights: np.ndarray) -> Outcomes:
        step = max(1, _AT_ONCE // len(statistics))
        parts = [
            self.metric(statistics, weights[n : n + step].astype(np.float32))
            for n in range(0, len(weights), step)
        ]
        return Outcomes(self.value(statistics), np.concatenate(parts).astype(float))


@cache
def f1(positive: float = 0.05, rows: int = 200_000) -> Whole:
    """F1 where few rows are positive: both models are right on 95 % of each kind; struck rows are wrong."""
    random = np.random.default_rng(1)
    label, luck = random.random(rows) < positive, random.random(rows)
    right = random.random(rows) < np.where(label, 0.95, 0.995)

    def statistics(right: np.ndarray) -> np.ndarray:
        predicted = label == right
        return np.column_stack([predicted & label, predicted, label]).astype(np.float32)

    def metric(one: np.ndarray, weights: np.ndarray) -> np.ndarray:
        hits, predicted, labels = (weights @ one).T
        return 2 * hits / np.maximum(predicted + labels, 1)

    return Whole(
        "F1, 5 % positive",
        (0.0, 1.0),
        statistics(right),
        lambda share: statistics(right & (luck >= share)),
        metric,
    )


@cache
def bleu(rows: int = 50_000) -> Whole:
    """Corpus BLEU of sentences of 3 to 60 words; struck sentences match nothing."""
    random = np.random.default_rng(2)
    words, luck = random.integers(3, 61, rows), random.random(rows)
    totals = np.maximum(words[:, None] - np.arange(4), 0)
    skill = random.beta(4, 3, rows)[:, None]
    matches = random.binomial(totals, skill ** np.array([0.6, 1.1, 1.6, 2.1]))

    def metric(one: np.ndarray, weights: np.ndarray) -> np.ndarray:
        sums = weights @ one
        return 100 * np.exp(np.log(np.maximum(sums[:, :4], 1e-9) / np.maximum(sums[:, 4:], 1)).mean(axis=1))

    def statistics(share: float) -> np.ndarray:
        return np.hstack([np.where(luck[:, None] < share, 0, matches), totals]).astype(np.float32)

    return Whole("BLEU", (0.0, 100.0), statistics(0.0), statistics, metric)


@cache
def average_precision(rows: int = 20_000) -> Whole:
    """Average precision of one right and one wrong detection in each picture.

    In struck pictures nothing is found.
    """
    random = np.random.default_rng(3)
    luck, scores = random.random(rows), np.column_stack([random.beta(6, 2, rows), random.beta(2, 5, rows)])

    def metric(one: np.ndarray, weights: np.ndarray) -> np.ndarray:
        order = np.argsort(-one, axis=None, kind="stable")
        found = one.ravel()[order] > 0
        rows, right = np.divmod(order[found], 2)
        each = weights[:, rows]
        hits = np.cumsum(each * (right == 0), axis=1)
        precision = hits / np.maximum(np.cumsum(each, axis=1), 1)
        gained = np.diff(hits, axis=1, prepend=0)
        return (gained * precision).sum(axis=1) / weights.sum(axis=1)

    def statistics(share: float) -> np.ndarray:
        return np.where(luck[:, None] < share, 0.0, scores).astype(np.float32)

    return Whole("mAP", (0.0, 1.0), statistics(0.0), statistics, metric)


WHOLES = (f1, average_precision, bleu)
