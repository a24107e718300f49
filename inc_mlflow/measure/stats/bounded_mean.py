"""Bounds of a mean of values whose range is known. They count losses that no row of the sample shows.

The upper bound is the quantile of a weighted mean with random weights (Dirichlet, all ones) of the values and
of one more: the largest that a value can be. Gaffke proposed it ("Three test statistics for a nonparametric
one-sided hypothesis on the mean of a nonnegative variable", Mathematical Methods of Statistics 14, 2005);
Learned-Miller and Thomas found it to hold its level on every bounded distribution they tried ("A new
confidence interval for the mean of a bounded random variable", 2019). Of 0/1 values it is Clopper and
Pearson's. Such weights are exponentials over their sum, so "the weighted mean is below t" is "a sum of
exponentials is below 0", whose probability the saddlepoint gives: no draws, and the same bits everywhere.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from inc_mlflow.errors import DataError
from inc_mlflow.records import Interval

_NORMAL = NormalDist()
_NEAR_MEAN = 1e-3
"""Distance from the mean, in normal deviates, below which the saddlepoint's two terms cancel and their limit
is used."""
_FARTHEST = 30.0
"""Where the search for a bound ends: the logarithm of the share of the way to the largest value that is left,
1e-13."""


@dataclass(frozen=True)
class _Large:
    """Which large loss stands for one that no row shows.

    It is ``part`` of the loss at this ``quantile`` of all there is to lose.
    """

    quantile: float
    part: float


_ROWS = _Large(0.85, 0.68)
"""More would not let an unchanged model with scores of any size pass on 400 rows. Losses that strike rows
whatever their score pass with it in at most 5.6 % of all splits; aimed at the best tenth of evenly spread
scores, in up to 12 % of 400 rows, as they must with any bound that passes the unchanged model
(``tests/statistics/test_skewed.py``)."""
_GROUPS = _Large(0.95, 1.0)
"""Groups can have any size, and large ones can be lost."""
_WHOLE = _Large(1.0, 1.0)
"""For the lower bound, which can only make a candidate fail."""


@dataclass(frozen=True)
class BoundedMean:
    """The mean of ``values``; each could have been from ``least`` to ``most``, all of shape (n,).

    ``groups``, shape (n,), has the number of each value's group, where values were drawn in groups, as rows
    of one speaker are. Then groups, not values, are what was drawn.
    """

    values: np.ndarray
    least: np.ndarray
    most: np.ndarray
    groups: np.ndarray | None = None

    def at(self, confidence: float) -> Interval:
        """Return the mean with its one-sided bounds.

        Raises DataError where values are too far apart for their mean to be a number.
        """
        value = float(self.values.mean())
        above = _ROWS if self.groups is None else _GROUPS
        low = -self._above(-self.values, -self.least, confidence, _WHOLE)
        high = self._above(self.values, self.most, confidence, above)
        return Interval(value=value, low=min(value, low), high=max(value, high))

    def _above(self, values: np.ndarray, most: np.ndarray, confidence: float, large: _Large) -> float:
        with np.errstate(over="ignore", invalid="ignore"):  # weighted_mean_quantile refuses what is no number
            units, unseen = self._units(values, most, large)
        return weighted_mean_quantile(np.append(units, max(unseen, units.max())), confidence)

    def _units(self, values: np.ndarray, most: np.ndarray, large: _Large) -> tuple[np.ndarray, float]:
        """Return what was drawn, on the scale of the mean, and one more that loses all it can.

        The first has shape (n,), or (groups,) where values were drawn in groups.
        """
        mean = float(values.mean())
        room = np.maximum(most - values, 0.0)
        sizes, sums, mosts, rooms = (self._summed(one) for one in (np.ones_like(values), values, most, room))
        units, takes = ((one - sizes * mean) / sizes.mean() for one in (sums, mosts))
        return mean + units, mean + _unseen(takes, rooms, large) if rooms.sum() > 0 else -math.inf

    def _summed(self, values: np.ndarray) -> np.ndarray:
        return values if self.groups is None else np.bincount(self.groups, values)


def _unseen(takes: np.ndarray, rooms: np.ndarray, large: _Large) -> float:
    """Return the loss of one more row or group, which no row shows.

    ``takes`` are what each could lose at most, ``rooms`` how much more that is than it did lose, shapes (n,).
    The result lies half-way between two means of ``takes``: the plain one, which tells how likely it is that
    no loss was seen, and the one weighted by ``rooms``, which tells how much the losses that were seen can
    vary. Where a few hold most of what there is to lose, it is as large as theirs, or the part that ``large``
    says.
    """
    weights = rooms / rooms.sum()
    order = np.argsort(rooms, kind="stable")
    place = min(int(np.searchsorted(np.cumsum(weights[order]), large.quantile)), len(order) - 1)
    return max(float(takes.mean() + weights @ takes) / 2, large.part * float(takes[order[place]]))


def weighted_mean_quantile(values: np.ndarray, confidence: float) -> float:
    """Return the quantile of the mean of ``values``, shape (n,), with random weights (Dirichlet, all ones).

    Lugannani and Rice, "Saddle point approximation for the distribution of the sum of independent random
    variables", Advances in Applied Probability 12, 1980. Against exact laws it errs by less than 1 % of the
    distance to the mean, to the safe side (``tests/measure/stats/test_bounded_mean.py``). Raises DataError
    where values are too far apart for their mean to be a number.
    """
    from scipy.optimize import brentq

    with np.errstate(over="ignore", invalid="ignore"):
        centre, unit = float(values.mean()), float(np.ptp(values))
    if not math.isfinite(centre + unit):
        raise DataError("metric: the scores are so far apart that their mean is no number; scale them")
    if unit == 0:
        return centre
    centred = (values - centre) / unit  # squares of the smallest numbers there are would be 0
    if not centred.min() < 0 < centred.max():
        return float(values.max())

    def excess(at: float) -> float:
        return _leaning(centred, at)[1] - confidence

    if excess(_FARTHEST) <= 0:
        return float(values.max())
    return centre + unit * _leaning(centred, float(brentq(excess, -_FARTHEST, _FARTHEST, xtol=1e-9)))[0]


def _leaning(values: np.ndarray, at: float) -> tuple[float, float]:
    """Return the mean of ``values`` with leaning weights, and the chance that random weights give less.

    The plain mean of ``values``, shape (n,), is 0. ``at`` goes from -30, where all weight is on the least,
    over 0, equal weights, to 30, all on the largest. All is computed from distances to that end: ten thousand
    equal values there must not cancel to noise.
    """
    end = float(values.max() if at >= 0 else values.min())
    share, gaps = -math.expm1(-abs(at)), (end - values) / end
    scales = math.exp(-abs(at)) + share * gaps
    weights = 1 / scales
    scale = len(values) / float(weights.sum())  # of the mean, as scales are of the values
    mean = end - end * float(weights @ gaps) * scale / len(values)
    shares, rests, point = scales / scale, values - mean, share / end / scale
    deviate = math.copysign(math.sqrt(max(2 * float(np.log(shares).sum()), 0.0)), at)
    if abs(deviate) < _NEAR_MEAN:
        skewness = 2 * float((rests**3).sum()) / float((rests**2).sum()) ** 1.5
        return mean, 0.5 + skewness / (6 * math.sqrt(2 * math.pi))
    slope = point * math.sqrt(float(np.square(rests / shares).sum()))
    return mean, _NORMAL.cdf(deviate) + _NORMAL.pdf(deviate) * (1 / deviate - 1 / slope)
