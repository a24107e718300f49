"""Intervals for accuracy and for what a candidate loses, from paired outcomes on the same rows."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from inc_mlflow.errors import DataError
from inc_mlflow.measure.stats.binary import absolute_bounds, relative_bounds, share_bounds
from inc_mlflow.measure.stats.bounded_mean import BoundedMean
from inc_mlflow.measure.stats.outcomes import Outcomes
from inc_mlflow.measure.stats.reach import UNDECLARED, room, size
from inc_mlflow.measure.stats.resampled import HEAVIEST, ResampledValue
from inc_mlflow.records import Interval, ScoreRange

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
    between: ScoreRange = UNDECLARED
    """The least and the largest score there is; None where the metric declares no such end."""
    groups: np.ndarray | None = None
    """Number of each row's group, shape (rows,), where rows were drawn in groups."""
    hangs_on: float | None = None
    """How many equal rows a metric of all rows hangs on, by its labels; None where it does not tell."""

    @property
    def size(self) -> float:
        """Magnitude of the baseline's metric; DataError where there is nothing to lose."""
        if not self.baseline.value:
            raise DataError(
                "metric: the baseline's is 0, a relative drop says nothing; limit the absolute one"
            )
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
        """Tell whether every row is right or wrong, and was drawn by itself: then counts say all."""
        return (
            self.decomposable
            and self.groups is None
            and all(map(self._binary, (self.baseline, self.candidate)))
        )

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Rows that count 1 in both models, in the baseline only, in the candidate only, and all rows."""
        one, other = (outcomes.replicates.astype(bool) for outcomes in (self.baseline, self.candidate))
        return int((one & other).sum()), int((one & ~other).sum()), int((~one & other).sum()), len(one)

    def _binary(self, outcomes: Outcomes) -> bool:
        return is_binary(outcomes.replicates, self.between)

    @property
    def _sign(self) -> float:
        return 1.0 if self.higher_is_better else -1.0


def accuracy(
    outcomes: Outcomes,
    decomposable: bool,
    confidence: float,
    between: ScoreRange = UNDECLARED,
    groups: np.ndarray | None = None,
    rows: int | None = None,
    hangs_on: float | None = None,
) -> Interval:
    """Return the metric with one-sided bounds: exact for 0/1 scores, else those of a mean or a value that is bounded.

    ``rows`` are those of the split where the metric does not decompose, ``hangs_on`` as in ``Pair``.
    """
    scores, value = outcomes.replicates, outcomes.value
    if decomposable and groups is None and is_binary(scores, between):
        low, high = share_bounds(round(float(scores.sum())), len(scores), confidence)
        return Interval(value=value, low=low, high=high)
    fall, rise = room(scores if decomposable else np.array([value]), between, True, size(scores))
    if decomposable:
        return BoundedMean(scores, scores - fall, scores + rise, groups).at(confidence)
    drawn = _drawn(rows or len(scores), groups)
    units = _weighty(outcomes, between, drawn, hangs_on)
    return ResampledValue(value, scores, value - float(fall[0]), value + float(rise[0]), units, drawn).at(
        confidence
    )


def relative_drop(pair: Pair, limit: float) -> Bounds:
    """Return the share of the baseline's metric that the candidate loses.

    The upper bound is within ``limit`` where the mean of z = (1 - limit) x baseline - candidate is shown to
    be at most 0, the lower one beyond it where it is shown to be above (signs turned where lower is better):
    the interval is that of z, divided by the baseline's metric. 0/1 scores: score test. Other per-sample
    scores: the bounds of a mean of bounded values. Replicates of a metric that does not decompose:
    percentiles of their z.
    """
    if pair.binary:
        return partial(_relative_of_counts, *pair.counts, pair.higher_is_better)
    allowed = limit * np.sign(pair.baseline.value)
    # An error of all rows together grows beyond what it is.
    least = 1.0 if not pair.decomposable and not pair.higher_is_better else 0.0
    with np.errstate(over="ignore"):
        factor = float(np.float64(1.0) / pair.size)
    return _bounds(pair, allowed, least, factor, limit)


def absolute_drop(pair: Pair) -> Bounds:
    """Return what the candidate loses, in the metric's unit.

    Methods as for the relative drop, with z less a constant.
    """
    if pair.binary:
        return partial(_absolute_of_counts, *pair.counts, pair.higher_is_better)
    return _bounds(pair, 0.0, 1.0, 1.0, 0.0)


def is_binary(scores: np.ndarray, between: ScoreRange = UNDECLARED) -> bool:
    """Tell whether all scores are 0 or 1, as far as is known of those that could come."""
    return between in {UNDECLARED, (0.0, 1.0)} and bool(np.isin(scores, (0.0, 1.0)).all())


def _relative_of_counts(
    both: int, lost: int, gained: int, rows: int, higher_is_better: bool, confidence: float
) -> Interval:
    bounds = relative_bounds(both, lost, gained, rows, confidence)
    return bounds if higher_is_better else _negative(bounds)


def _absolute_of_counts(
    _: int, lost: int, gained: int, rows: int, higher_is_better: bool, confidence: float
) -> Interval:
    bounds = absolute_bounds(lost, gained, rows, confidence)
    return bounds if higher_is_better else _negative(bounds)


def _negative(interval: Interval) -> Interval:
    return Interval(value=-interval.value, low=-interval.high, high=-interval.low)


def _bounds(pair: Pair, allowed: float, least: float, factor: float, shift: float) -> Bounds:
    """Turn the bounds of z = losses - ``allowed`` x baseline into those of a drop.

    ``least`` is what a row can lose at least where the metric does not say.
    """
    of_z = (_mean if pair.decomposable else _whole)(pair, allowed, least)

    def bounds(confidence: float) -> Interval:
        value, found = factor * pair.lost, of_z.at(confidence)
        low, high = (shift + factor * one for one in (found.low, found.high))
        if not math.isfinite(value + low + high):
            raise DataError(
                "metric: the baseline is so small beside what a row can lose that no share of it is a number; scale it"
            )
        return Interval(value=value, low=min(low, value), high=max(high, value))

    return bounds


def _mean(pair: Pair, allowed: float, least: float) -> BoundedMean:
    scores = pair.baseline.replicates
    best = float(scores.max() if pair.higher_is_better else scores.min())
    lose, gain = room(scores, pair.between, pair.higher_is_better, max(size(scores), least), best)
    free = allowed * scores
    return BoundedMean(pair.losses - free, -gain - free, lose - free, pair.groups)


def _whole(pair: Pair, allowed: float, least: float) -> ResampledValue:
    value = pair.baseline.value
    lose, gain = room(np.array([value]), pair.between, pair.higher_is_better, max(abs(value), least), value)
    free, drawn = allowed * value, _drawn(pair.rows, pair.groups)
    return ResampledValue(
        value=pair.lost - free,
        replicates=pair.losses - allowed * pair.baseline.replicates,
        least=-float(gain[0]) - free,
        most=float(lose[0]) - free,
        units=min(
            _weighty(one, pair.between, drawn, pair.hangs_on) for one in (pair.baseline, pair.candidate)
        ),
        drawn=drawn,
    )


def _drawn(rows: int, groups: np.ndarray | None) -> int:
    """Return how many rows, or groups of them, were drawn."""
    return rows if groups is None else len(np.unique(groups))


def _weighty(outcomes: Outcomes, between: ScoreRange, drawn: int, hangs_on: float | None) -> int:
    """Return how many rows a share would need to be as uncertain: F1 of few positives hangs on those alone.

    At most two thirds of the rows that were ``drawn``, since they weigh differently, and at most as many as
    the metric says by its labels. A metric that does not say, and never varies, could hang on a single one.
    """
    most = drawn / HEAVIEST if hangs_on is None else min(drawn / HEAVIEST, hangs_on)
    low, high = _scale(between)
    share, variance = (
        (outcomes.value - low) / (high - low),
        float(outcomes.replicates.var()) / (high - low) ** 2,
    )
    if variance == 0:
        return 1 if hangs_on is None else max(1, round(most))
    return max(1, round(min(most, share * (1 - share) / variance) if 0 < share < 1 else most))


def _scale(between: ScoreRange) -> tuple[float, float]:
    """Return the range that a share is taken of; most metrics that do not say are shares themselves."""
    low, high = between
    if low is not None and high is not None:
        return low, high
    start = low if low is not None else 0.0 if high is None else high - 1
    return start, start + 1
