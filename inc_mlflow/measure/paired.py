"""Intervals for accuracy and for the relative drop of a candidate, from paired outcomes on the same rows."""

import warnings
from collections.abc import Callable
from typing import cast

import numpy as np
from scipy import optimize, stats

from inc_mlflow.errors import DataError
from inc_mlflow.measure.score_test import quantile, score_statistic
from inc_mlflow.records import Interval

RESAMPLES = 9999
_SEED = 20240101
_BCA_ROWS = 5000
"""Rows up to which the bootstrap is BCa: its jackknife costs the square of them, and beyond the correction vanishes."""
_DEFINED = 0.95
"""Least share of resamples on which a relative drop must be defined."""


def accuracy(replicates: np.ndarray, value: float, decomposable: bool, confidence: float) -> Interval:
    """Return the metric with one-sided bounds: Wilson's for 0/1 scores, else bootstrap."""
    if not decomposable:
        return _percentiles(replicates, value, confidence)
    if is_binary(replicates):
        wilson = stats.binomtest(round(float(replicates.sum())), len(replicates)).proportion_ci(
            _two_sided(confidence), "wilson"
        )
        return Interval(value=value, low=float(wilson.low), high=float(wilson.high))
    return _bootstrap((replicates,), _mean, value, confidence)


def relative_drop(
    baseline: tuple[float, np.ndarray],
    candidate: tuple[float, np.ndarray],
    *,
    decomposable: bool,
    higher_is_better: bool,
    confidence: float,
) -> Interval:
    """Return the share of the baseline's metric that the candidate loses, with one-sided bounds.

    Each model comes as (value, replicates). Negative where the candidate is better. 0/1 scores: score test of the
    ratio of paired proportions (Tang, Tang & Chan, Statistics in Medicine 22, 2003), valid with few or no
    disagreements. Other per-sample scores: paired BCa bootstrap (Efron 1987). Replicates of a metric that does not
    decompose: their percentiles.
    """
    sign = 1.0 if higher_is_better else -1.0
    value = sign * (baseline[0] - candidate[0]) / _positive(baseline[0])
    if not decomposable:
        defined = baseline[1] != 0
        if defined.mean() < _DEFINED:
            raise DataError("metric: it is 0 for the baseline on many resamples, a relative drop says nothing; use another")
        drops = sign * (baseline[1] - candidate[1])[defined] / np.abs(baseline[1][defined])
        return _percentiles(drops, value, confidence)
    if is_binary(baseline[1]) and is_binary(candidate[1]):
        lost = _paired_ratio(baseline[1].astype(bool), candidate[1].astype(bool), sign * value, confidence)
        return lost if higher_is_better else Interval(value=value, low=-lost.high, high=-lost.low)

    def drop(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
        return cast(np.ndarray, sign * (x.mean(axis) - y.mean(axis)) / np.abs(x.mean(axis)))

    return _bootstrap((baseline[1], candidate[1]), drop, value, confidence)


def is_binary(scores: np.ndarray) -> bool:
    """Tell whether all scores are 0 or 1."""
    return bool(np.isin(scores, (0.0, 1.0)).all())


def _paired_ratio(baseline: np.ndarray, candidate: np.ndarray, value: float, confidence: float) -> Interval:
    both = int((baseline & candidate).sum())
    lost, gained = int((baseline & ~candidate).sum()), int((~baseline & candidate).sum())
    return ratio_bounds(both, lost, gained, len(baseline), value, confidence)


def ratio_bounds(both: int, lost: int, gained: int, rows: int, value: float, confidence: float) -> Interval:
    """Invert the score test: the drops that it does not reject at ``confidence``."""
    z = quantile(confidence)
    estimate = 1 - value

    def statistic(ratio: float) -> float:
        return score_statistic(both, lost, gained, rows, ratio)

    worst = min(estimate, _solve(statistic, z, max(estimate * 1e-6, 1e-9), estimate))
    best = _solve(statistic, -z, estimate, max(estimate, 1.0) * 10)
    return Interval(value=value, low=1 - best, high=1 - worst)


def _solve(statistic: Callable[[float], float], target: float, low: float, high: float) -> float:
    """Find where the falling ``statistic`` meets ``target``; the far end where it never does."""
    if statistic(low) < target:
        return low
    if statistic(high) > target:
        return high
    return float(optimize.brentq(lambda ratio: statistic(ratio) - target, low, high, xtol=1e-10))


def _bootstrap(
    samples: tuple[np.ndarray, ...], statistic: Callable[..., np.ndarray], value: float, confidence: float
) -> Interval:
    """Paired BCa bootstrap with a fixed seed; scores without any spread are known exactly."""
    if all(np.ptp(sample) == 0 for sample in samples) or (len(samples) == 2 and np.array_equal(*samples)):
        return Interval.exact(value)
    methods = ["BCa", "percentile"] if len(samples[0]) <= _BCA_ROWS else ["percentile"]
    for method in methods:  # BCa has no bounds where every row left out gives the same value
        low, high = _bounds(samples, statistic, confidence, method)
        if np.isfinite(low) and np.isfinite(high):
            return Interval(value=value, low=low, high=high)
    raise DataError(
        "metric: it is 0 for the baseline on some resamples, a relative drop says nothing; use another or more rows"
    )


def _bounds(
    samples: tuple[np.ndarray, ...], statistic: Callable[..., np.ndarray], confidence: float, method: str
) -> tuple[float, float]:
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)  # the caller sees it by the bounds
        result = stats.bootstrap(
            samples,
            statistic,
            n_resamples=RESAMPLES,
            batch=_batch(len(samples[0])),
            vectorized=True,
            paired=True,
            confidence_level=_two_sided(confidence),
            method=method,
            rng=np.random.default_rng(_SEED),
        )
    return float(result.confidence_interval.low), float(result.confidence_interval.high)


def _batch(rows: int) -> int:
    """Resamples at a time: 20 million numbers, 160 MB."""
    return max(1, 20_000_000 // rows)


def _percentiles(replicates: np.ndarray, value: float, confidence: float) -> Interval:
    low, high = np.quantile(replicates, [1 - confidence, confidence])
    return Interval(value=value, low=float(low), high=float(high))


def _mean(sample: np.ndarray, axis: int = -1) -> np.ndarray:
    return cast(np.ndarray, sample.mean(axis))


def _two_sided(confidence: float) -> float:
    """Two-sided level whose ends are one-sided bounds at ``confidence``."""
    return 2 * confidence - 1


def _positive(value: float) -> float:
    return abs(value) if value else float("nan")
