"""Intervals for accuracy and for what a candidate loses, from paired outcomes on the same rows."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import stats

from inc_mlflow.errors import DataError
from inc_mlflow.measure.binary import absolute_bounds, relative_bounds, unseen
from inc_mlflow.measure.bootstrap import BootstrappedMean
from inc_mlflow.measure.outcomes import Outcomes
from inc_mlflow.records import Interval

Bounds = Callable[[float], Interval]
"""An estimate, with one-sided bounds at any confidence."""
_DEFINED = 0.95
"""Least share of resamples on which a relative drop must be defined."""
_FEW = 5
"""Rows that differ up to which no bootstrap tells how far the others could."""


@dataclass(frozen=True)
class Pair:
    """Outcomes of baseline and candidate on the same rows, or on the same resamples of them."""

    baseline: Outcomes
    candidate: Outcomes
    decomposable: bool
    higher_is_better: bool

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
        wilson = stats.binomtest(round(float(scores.sum())), len(scores)).proportion_ci(2 * confidence - 1, "wilson")
        return Interval(value=outcomes.value, low=float(wilson.low), high=float(wilson.high))
    return BootstrappedMean(scores).at(confidence)


def relative_drop(pair: Pair, limit: float) -> Bounds:
    """Return the share of the baseline's metric that the candidate loses.

    The upper bound is within ``limit`` where the mean of z = (1 - limit) x baseline - candidate is shown to be at most 0,
    the lower one beyond it where it is shown to be above (signs turned where lower is better): the interval is that of z,
    divided by the baseline's metric. 0/1 scores: score test. Other per-sample scores: BCa bootstrap of z. Replicates of a
    metric that does not decompose: their percentiles.
    """
    if not pair.decomposable:
        return partial(_percentiles, _relative_losses(pair), pair.lost / pair.size)
    if pair.binary:
        return partial(_relative_of_counts, *pair.counts, pair.higher_is_better)
    allowed = limit * np.sign(pair.baseline.value) * pair.baseline.replicates
    return _shifted(BootstrappedMean(pair.losses - allowed), pair, 1 / pair.size, limit)


def absolute_drop(pair: Pair) -> Bounds:
    """Return what the candidate loses, in the metric's unit; methods as for the relative drop, with z less a constant."""
    if not pair.decomposable:
        return partial(_percentiles, pair.losses, pair.lost)
    if pair.binary:
        return partial(_absolute_of_counts, *pair.counts, pair.higher_is_better)
    return _shifted(BootstrappedMean(pair.losses), pair, 1.0, 0.0)


def is_binary(scores: np.ndarray) -> bool:
    """Tell whether all scores are 0 or 1."""
    return bool(np.isin(scores, (0.0, 1.0)).all())


def _relative_losses(pair: Pair) -> np.ndarray:
    sizes = np.abs(pair.baseline.replicates)
    if (sizes > 0).mean() < _DEFINED:
        raise DataError("metric: it is 0 for the baseline on many resamples, a relative drop says nothing; use another")
    return np.asarray(pair.losses[sizes > 0] / sizes[sizes > 0])


def _relative_of_counts(both: int, lost: int, gained: int, rows: int, higher_is_better: bool, confidence: float) -> Interval:
    bounds = relative_bounds(both, lost, gained, rows, confidence)
    return bounds if higher_is_better else _negative(bounds)


def _absolute_of_counts(_: int, lost: int, gained: int, rows: int, higher_is_better: bool, confidence: float) -> Interval:
    bounds = absolute_bounds(lost, gained, rows, confidence)
    return bounds if higher_is_better else _negative(bounds)


def _negative(interval: Interval) -> Interval:
    return Interval(value=-interval.value, low=-interval.high, high=-interval.low)


def _shifted(mean: BootstrappedMean, pair: Pair, factor: float, shift: float) -> Bounds:
    """Turn the mean of z into a drop. Few rows that differ prove no more than they would if rows were right or wrong."""
    few = np.count_nonzero(pair.losses) <= _FEW

    def bounds(confidence: float) -> Interval:
        z, value = mean.at(confidence), factor * pair.lost
        low, high = (shift + factor * one for one in (z.low, z.high))
        reach = factor * abs(pair.baseline.value) * unseen(len(pair.losses), confidence) if few else 0.0
        return Interval(value=value, low=min(low, value - reach), high=max(high, value + reach))

    return bounds


def _percentiles(replicates: np.ndarray, value: float, confidence: float) -> Interval:
    low, high = np.quantile(replicates, [1 - confidence, confidence])
    return Interval(value=value, low=min(value, float(low)), high=max(value, float(high)))
