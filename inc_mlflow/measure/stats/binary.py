"""Bounds of what a candidate loses where every row is right or wrong, with no disagreements too."""

import math
from collections.abc import Callable

from inc_mlflow.measure.stats.score_test import difference_statistic, quantile, ratio_statistic, unseen
from inc_mlflow.records import Interval

SPARSE = 20
"""Disagreements up to which Skellam's distribution checks the score test's bound of a loss. With 4 of them
that bound holds the truth in 92 % instead of 95 % of all cases (``tests/statistics/test_simulation.py``)."""
_EXACT = 1e-10


def share_bounds(right: int, rows: int, confidence: float) -> tuple[float, float]:
    """Return one-sided bounds of the share of rows that are right: the exact ones of Clopper and Pearson.

    Wilson's hold the truth in 92 % instead of 95 % of all cases where nearly all of 200 rows are right.
    """
    from scipy.special import betaincinv

    low = float(betaincinv(right, rows - right + 1, 1 - confidence)) if right else 0.0
    return low, float(betaincinv(right + 1, rows - right, confidence)) if right < rows else 1.0


def relative_bounds(both: int, lost: int, gained: int, rows: int, confidence: float) -> Interval:
    """Return the share of the baseline's right rows that is lost, with one-sided bounds.

    They invert the score test of a ratio; where no row differs they are exact. Exchanging the models inverts
    the interval. Counts are rows: right in ``both`` models, ``lost`` (right in the baseline only),
    ``gained``. ``both + lost`` must not be 0.
    """
    if not lost and not gained:
        most = unseen(both, confidence)
        return Interval(value=0.0, low=1 - 1 / (1 - most), high=most)
    value = (lost - gained) / (both + lost)
    z, estimate = quantile(confidence), 1 - value

    def statistic(ratio: float) -> float:
        return ratio_statistic(both, lost, gained, rows, ratio)

    worst = min(estimate, _solve(statistic, z, max(estimate * 1e-6, 1e-9), estimate))
    best = _solve(statistic, -z, estimate, max(estimate, 1.0) * 10)
    low, high = 1 - best, 1 - worst
    if lost > gained:
        low = _sparse(lost, gained, both + lost, low, confidence)
    elif gained > lost:
        high = 1 - 1 / (1 - _sparse(gained, lost, both + gained, 1 - 1 / (1 - high), confidence))
    return Interval(value=value, low=low, high=high)


def absolute_bounds(lost: int, gained: int, rows: int, confidence: float) -> Interval:
    """Return the share of all rows that is lost, with one-sided bounds.

    They invert the score test of a difference; where no row differs they are exact. Exchanging the models
    turns the interval's sign.
    """
    if not lost and not gained:
        most = unseen(rows, confidence)
        return Interval(value=0.0, low=-most, high=most)
    value, z = (lost - gained) / rows, quantile(confidence)

    def falling(drop: float) -> float:
        return -difference_statistic(lost, gained, rows, drop)

    low = _solve(falling, z, -1 + _EXACT, value)
    high = _solve(falling, -z, value, 1 - _EXACT)
    if lost > gained:
        low = _sparse(lost, gained, rows, low, confidence)
    elif gained > lost:
        high = -_sparse(gained, lost, rows, -high, confidence)
    return Interval(value=value, low=low, high=high)


def _sparse(lost: int, gained: int, scale: int, low: float, confidence: float) -> float:
    """Lower a bound of the loss where disagreements are few, by the mid-p of Skellam's distribution.

    Few lost and gained rows are Poisson counts, and their difference has that distribution. Its nuisance mean
    is the likeliest one where the loss equals the bound.
    """
    if lost + gained > SPARSE or low <= 0:
        return low

    def excess(drop: float) -> float:
        return _tail(lost, gained, drop * scale) - (1 - confidence)

    if excess(low) <= 0:
        return low
    return _root(excess, 0.0, low) if excess(0.0) < 0 else 0.0


def _tail(lost: int, gained: int, expected: float) -> float:
    """Mid-p probability of at least this net loss where ``expected`` rows are lost on balance."""
    from scipy import stats  # a third of a second, for few disagreements only

    b = 2 * expected - lost - gained
    gains = max((-b + math.sqrt(b * b + 8 * gained * expected)) / 4, _EXACT)
    law = stats.skellam(gains + expected, gains)
    return float(law.sf(lost - gained) + law.pmf(lost - gained) / 2)


def _solve(statistic: Callable[[float], float], target: float, low: float, high: float) -> float:
    """Find where the falling ``statistic`` equals ``target``; the nearest end where it never does."""
    if statistic(low) < target:
        return low
    if statistic(high) > target:
        return high
    return _root(lambda at: statistic(at) - target, low, high)


def _root(function: Callable[[float], float], low: float, high: float) -> float:
    from scipy.optimize import brentq

    return float(brentq(function, low, high, xtol=_EXACT))
