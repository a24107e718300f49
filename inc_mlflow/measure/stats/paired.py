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
from inc_mlflow.measure.stats.resampled import HEAVIEST, ResampledValue
from inc_mlflow.measure.stats.score_range import UNDECLARED, headroom, largest_score
from inc_mlflow.records import Interval, ScoreRange

Bounds = Callable[[float], Interval]
"""From a one-sided confidence to an estimate with its bounds. Raises DataError where they are no numbers."""


@dataclass(frozen=True)
class Pair:
    """Outcomes of baseline and candidate on the same rows, or on the same resamples of them."""

    baseline: Outcomes
    candidate: Outcomes
    decomposable: bool
    higher_is_better: bool
    rows: int
    """Rows of the split; replicates of a metric of all rows together are up to 1,000 whatever their
    number."""
    between: ScoreRange = UNDECLARED
    """The least and the largest score; None where the metric declares no such end."""
    groups: np.ndarray | None = None
    """Number of each row's group, shape (rows,), where rows were drawn in groups."""
    effective_rows: float | None = None
    """For a metric of all rows together: equal rows that would be as uncertain. None where it does not
    say."""

    @property
    def size(self) -> float:
        """Magnitude of the baseline's metric. Raises DataError where that is 0."""
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
        """Tell whether every row is right or wrong and was drawn by itself: then ``counts`` suffice."""
        return (
            self.decomposable
            and self.groups is None
            and all(map(self._binary, (self.baseline, self.candidate)))
        )

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Numbers of rows: right in both models, in the baseline only, in the candidate only, all rows."""
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
    effective_rows: float | None = None,
) -> Interval:
    """Return the metric with one-sided bounds.

    They are exact for 0/1 scores, else those of ``BoundedMean`` (per-sample scores) or of ``ResampledValue``.
    ``rows`` is the number of rows of the split, for a metric of all rows together; the other arguments are as
    in ``Pair``. Raises DataError where scores are too far apart for their mean to be a number.
    """
    scores, value = outcomes.replicates, outcomes.value
    if decomposable and groups is None and is_binary(scores, between):
        low, high = share_bounds(round(float(scores.sum())), len(scores), confidence)
        return Interval(value=value, low=low, high=high)
    fall, rise = headroom(scores if decomposable else np.array([value]), between, True, largest_score(scores))
    if decomposable:
        return BoundedMean(scores, scores - fall, scores + rise, groups).at(confidence)
    drawn = _drawn(rows or len(scores), groups)
    units = _units(outcomes, between, drawn, effective_rows)
    return ResampledValue(value, scores, value - float(fall[0]), value + float(rise[0]), units, drawn).at(
        confidence
    )


def relative_drop(pair: Pair, limit: float) -> Bounds:
    """Return the share of the baseline's metric that the candidate loses.

    The interval is that of the mean of z = (1 - limit) x baseline - candidate (signs turned where lower is
    better), divided by the baseline's metric. So the upper bound is within ``limit`` where the mean of z is
    shown to be at most 0, and the lower one is beyond it where that is shown to be above 0. 0/1 scores: score
    test. Other per-sample scores: the bounds of a mean of bounded values. Replicates of a metric that does
    not decompose: percentiles of their z. The baseline's metric must not be 0; where scores are not 0/1 that
    raises DataError.
    """
    if pair.binary:
        return partial(_relative_of_counts, *pair.counts, pair.higher_is_better)
    allowed = limit * np.sign(pair.baseline.value)
    # An error metric of all rows together has no worst value: it can grow by 1 at least.
    least = 1.0 if not pair.decomposable and not pair.higher_is_better else 0.0
    with np.errstate(over="ignore"):
        factor = float(np.float64(1.0) / pair.size)
    return _bounds(pair, allowed, least, factor, limit)


def absolute_drop(pair: Pair) -> Bounds:
    """Return what the candidate loses, in the metric's unit.

    Methods are those of the relative drop with z = baseline - candidate.
    """
    if pair.binary:
        return partial(_absolute_of_counts, *pair.counts, pair.higher_is_better)
    return _bounds(pair, 0.0, 1.0, 1.0, 0.0)


def is_binary(scores: np.ndarray, between: ScoreRange = UNDECLARED) -> bool:
    """Tell whether all scores, shape (n,), are 0 or 1, and the metric declares no others."""
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

    ``least`` is a lower limit of what a row can lose where the metric declares no worst score. ``factor`` and
    ``shift`` turn z into the drop.
    """
    of_z = (_mean if pair.decomposable else _whole)(pair, allowed, least)

    def bounds(confidence: float) -> Interval:
        value, found = factor * pair.lost, of_z.at(confidence)
        low, high = (shift + factor * one for one in (found.low, found.high))
        if not math.isfinite(value + low + high):
            raise DataError(
                "metric: the baseline is so small beside what a row can lose "
                "that no share of it is a number; scale it"
            )
        return Interval(value=value, low=min(low, value), high=max(high, value))

    return bounds


def _mean(pair: Pair, allowed: float, least: float) -> BoundedMean:
    scores = pair.baseline.replicates
    best = float(scores.max() if pair.higher_is_better else scores.min())
    lose, gain = headroom(
        scores, pair.between, pair.higher_is_better, max(largest_score(scores), least), best
    )
    free = allowed * scores
    return BoundedMean(pair.losses - free, -gain - free, lose - free, pair.groups)


def _whole(pair: Pair, allowed: float, least: float) -> ResampledValue:
    value = pair.baseline.value
    lose, gain = headroom(
        np.array([value]), pair.between, pair.higher_is_better, max(abs(value), least), value
    )
    free, drawn = allowed * value, _drawn(pair.rows, pair.groups)
    return ResampledValue(
        value=pair.lost - free,
        replicates=pair.losses - allowed * pair.baseline.replicates,
        least=-float(gain[0]) - free,
        most=float(lose[0]) - free,
        units=min(
            _units(one, pair.between, drawn, pair.effective_rows) for one in (pair.baseline, pair.candidate)
        ),
        drawn=drawn,
    )


def _drawn(rows: int, groups: np.ndarray | None) -> int:
    """Return how many rows, or groups of them, were drawn."""
    return rows if groups is None else len(np.unique(groups))


def _units(outcomes: Outcomes, between: ScoreRange, drawn: int, effective_rows: float | None) -> int:
    """Return how many equal rows would be as uncertain: F1 of few positives depends on those alone.

    At most two thirds of the rows that were ``drawn``, since they weigh differently, and at most
    ``effective_rows``. A metric that does not say, and never varies, could depend on a single row.
    """
    most = drawn / HEAVIEST if effective_rows is None else min(drawn / HEAVIEST, effective_rows)
    low, high = _scale(between)
    share, variance = (
        (outcomes.value - low) / (high - low),
        float(outcomes.replicates.var()) / (high - low) ** 2,
    )
    if variance == 0:
        return 1 if effective_rows is None else max(1, round(most))
    return max(1, round(min(most, share * (1 - share) / variance) if 0 < share < 1 else most))


def _scale(between: ScoreRange) -> tuple[float, float]:
    """Return the range that a share is taken of; most metrics that declare none are shares themselves."""
    low, high = between
    if low is not None and high is not None:
        return low, high
    start = low if low is not None else 0.0 if high is None else high - 1
    return start, start + 1
