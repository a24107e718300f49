"""Intervals for accuracy and for what a candidate loses, from paired outcomes on the same rows."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from inc_mlflow.errors import DataError
from inc_mlflow.measure.binary import absolute_bounds, relative_bounds, wilson
from inc_mlflow.measure.bootstrap import BootstrappedMean
from inc_mlflow.measure.outcomes import Outcomes
from inc_mlflow.measure.score_test import quantile, unseen
from inc_mlflow.records import Interval

Bounds = Callable[[float], Interval]
"""An estimate, with one-sided bounds at any confidence."""


@dataclass(frozen=True)
class Pair:
    """Outcomes of baseline and candidate on the same rows, or on the same resamples of them."""

    baseline: Outcomes
    candidate: Outcomes
    decomposable: bool
    higher_is_better: bool
    rows: int
    """Of the split: replicates of a metric that does not decompose are 1,000 however few rows there are."""

    @property
    def size(self) -> float:
        """Magnitude of the baseline's metric; DataError where there is nothing to lose."""
        if not self.baseline.value:
            raise DataError("metric: the baseline's is 0, a relative drop says nothing; limit the absolute one")
        return abs(self.baseline.value)

    @property
    def lost(self) -> float:
        """What the candidate loses, in the metric's unit; negative where it is better."""
        return self._sign * (self.baseline.value - self.candidate.value)

    @property
    def losses(self) -> np.ndarray:
        """The same per row or resample, shape (n,)."""
        return np.asarray(self._sign * (self.baseline.replicates - self.candidate.replicates))

    @property
    def binary(self) -> bool:
        """Tell whether every row is right or wrong."""
        return self.decomposable and is_binary(self.baseline.replicates) and is_binary(self.candidate.replicates)

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Rows that count 1 in both models, in the baseline only, in the candidate only, and all rows."""
        one, other = (outcomes.replicates.astype(bool) for outcomes in (self.baseline, self.candidate))
        return int((one & other).sum()), int((one & ~other).sum()), int((~one & other).sum()), len(one)

    @property
    def _sign(self) -> float:
        return 1.0 if self.higher_is_better else -1.0


def accuracy(outcomes: Outcomes, decomposable: bool, confidence: float) -> Interval:
    """Return the metric with one-sided bounds: Wilson's for 0/1 scores, else bootstrap."""
    scores = outcomes.replicates
    if not decomposable:
        return _percentiles(scores, outcomes.value, confidence)
    if is_binary(scores):
        low, high = wilson(round(float(scores.sum())), len(scores), confidence)
        return Interval(value=outcomes.value, low=low, high=high)
    return BootstrappedMean(scores).at(confidence)


def relative_drop(pair: Pair, limit: float) -> Bounds:
    """Return the share of the baseline's metric that the candidate loses.

    The upper bound is within ``limit`` where the mean of z = (1 - limit) x baseline - candidate is shown to be at most 0,
    the lower one beyond it where it is shown to be above (signs turned where lower is better): the interval is that of z,
    divided by the baseline's metric. 0/1 scores: score test. Other per-sample scores: BCa bootstrap of z. Replicates of a
    metric that does not decompose: percentiles of their z.
    """
    if pair.binary:
        return partial(_relative_of_counts, *pair.counts, pair.higher_is_better)
    allowed = limit * np.sign(pair.baseline.value) * pair.baseline.replicates
    share = pair.size if pair.higher_is_better else max(pair.size, 1.0)  # an error grows beyond what it is
    return _bounds(pair, pair.losses - allowed, 1 / pair.size, limit, share)


def absolute_drop(pair: Pair) -> Bounds:
    """Return what the candidate loses, in the metric's unit; methods as for the relative drop, with z less a constant."""
    if pair.binary:
        return partial(_absolute_of_counts, *pair.counts, pair.higher_is_better)
    return _bounds(pair, pair.losses, 1.0, 0.0, max(abs(pair.baseline.value), 1.0))


def is_binary(scores: np.ndarray) -> bool:
    """Tell whether all scores are 0 or 1."""
    return bool(np.isin(scores, (0.0, 1.0)).all())


def _relative_of_counts(both: int, lost: int, gained: int, rows: int, higher_is_better: bool, confidence: float) -> Interval:
    bounds = relative_bounds(both, lost, gained, rows, confidence)
    return bounds if higher_is_better else _negative(bounds)


def _absolute_of_counts(_: int, lost: int, gained: int, rows: int, higher_is_better: bool, confidence: float) -> Interval:
    bounds = absolute_bounds(lost, gained, rows, confidence)
    return bounds if higher_is_better else _negative(bounds)


def _negative(interval: Interval) -> Interval:
    return Interval(value=-interval.value, low=-interval.high, high=-interval.low)


def _bounds(pair: Pair, z: np.ndarray, factor: float, shift: float, share: float) -> Bounds:
    """Turn the bounds of z's mean, or of its replicates, into those of a drop; ``share`` as for ``unseen_loss``."""
    mean = BootstrappedMean(z) if pair.decomposable else None

    def bounds(confidence: float) -> Interval:
        value = factor * pair.lost
        found = mean.at(confidence) if mean else _percentiles(z, float(z.mean()), confidence)
        low, high = (shift + factor * one for one in (found.low, found.high))
        reach = factor * unseen_loss(pair, confidence, share)
        return Interval(value=value, low=min(low, value - reach), high=max(high + reach / 2, value + reach))

    return bounds


def unseen_loss(pair: Pair, confidence: float, share: float) -> float:
    """Return what rows may lose that no resampling shows, in the metric's unit: the bootstrap's few-rows error.

    The score interval of a rare loss reaches z^2 / n rows beyond what was seen where none was, z^2 / 2n where many were; the
    bootstrap does not. A row may lose as much as scores differ; of a metric that does not decompose, of which all rows
    together could lose ``share``, its part of that.
    """
    if pair.decomposable:
        scores = pair.baseline.replicates, pair.candidate.replicates
        return float(np.max(scores) - np.min(scores)) * unseen(pair.rows, confidence)
    rows = min(_weighty_rows(one, pair.rows) for one in (pair.baseline, pair.candidate))
    return share * unseen(rows, confidence)


def _weighty_rows(outcomes: Outcomes, rows: int) -> int:
    """Return how many rows a share would need to be as uncertain: F1 of few positives hangs on those alone."""
    value, variance = outcomes.value, float(outcomes.replicates.var())
    if not 0 < value < 1 or variance == 0:
        return rows
    return max(1, min(rows, round(value * (1 - value) / variance)))


def _percentiles(replicates: np.ndarray, value: float, confidence: float) -> Interval:
    """Return one-sided percentiles; beyond what so many replicates resolve, at least the normal law's."""
    low, high = (float(one) for one in np.quantile(replicates, [1 - confidence, confidence]))
    if (1 - confidence) * len(replicates) < 1:
        reach = quantile(confidence) * float(replicates.std())
        low, high = min(low, value - reach), max(high, value + reach)
    return Interval(value=value, low=min(value, low), high=max(value, high))
