"""The speed ratio of two models with its interval, and the summary of one model's times."""

import numpy as np

from inc_mlflow.errors import DataError
from inc_mlflow.measure.bench import Timing
from inc_mlflow.measure.score_test import quantile
from inc_mlflow.records import Interval, Speed

REPEATABILITY = 0.01
"""Relative standard deviation of the ratio between whole benchmarks, which no repetition within one can see: processes
lie differently in memory and caches each time. Measured with ``tests/benchmarks/repeatability.py``: 0.009 to 0.011."""
LOW = 0.05
"""Quantile that stands for the minimum. The minimum itself falls for a clock that undercounts once: under heavy load a
virtual machine reported no CPU time at all for one pass among thousands."""
PERCENTILES = (50, 90, 99, 99.9)
WIDEST = 0.25
"""Half-width, relative to the ratio, above which the times contradict each other."""


def speedup(slow: Timing, fast: Timing, confidence: float) -> Interval:
    """Return how many times faster ``fast`` is, with one-sided bounds.

    Each batch counts with a low quantile of its passes, since other load only adds time. The bounds join the spread of
    the ratio between batches (Student's t on logarithms) and the repeatability of whole benchmarks (GUM, type B).
    """
    from scipy.special import stdtrit

    slow_minima, fast_minima = _least(slow), _least(fast)
    if min(slow_minima.min(), fast_minima.min()) <= 0 or len(slow_minima) < 2:
        raise DataError("benchmark: the clock is too coarse for this model, or there is a single batch; use a larger batch")
    ratios = np.log(slow_minima / fast_minima)
    deviation = ratios.std(ddof=1) / np.sqrt(len(ratios))
    seen = stdtrit(len(ratios) - 1, confidence) * deviation
    value = float(slow_minima.sum() / fast_minima.sum())
    return joined(value, -seen, seen, quantile(confidence) * REPEATABILITY)


def joined(value: float, below: float, above: float, type_b: float) -> Interval:
    """Join distances on the logarithm that were seen within a benchmark with one that cannot be."""
    low, high = -np.hypot(below, type_b), np.hypot(above, type_b)
    return Interval(value=value, low=value * float(np.exp(low)), high=value * float(np.exp(high)))


def _least(timing: Timing) -> np.ndarray:
    return np.asarray(np.quantile(timing.seconds, LOW, axis=0))


def contradiction(ratio: Interval) -> str | None:
    """Say why a ratio cannot be believed, or nothing."""
    width = (ratio.high - ratio.low) / 2 / ratio.value
    if width <= WIDEST:
        return None
    return f"the batches disagree by {width:.0%} about the speed-up; the host was too busy, run again"


def speed(timing: Timing, batch: int, size_bytes: int) -> Speed:
    """Summarise one model: percentiles over all rounds and batches, samples per second at the median."""
    p50, p90, p99, p99_9 = (float(value) for value in np.percentile(timing.seconds, PERCENTILES))
    return Speed(
        samples_per_second=batch / p50,
        p50_ms=p50 * 1e3,
        p90_ms=p90 * 1e3,
        p99_ms=p99 * 1e3,
        p99_9_ms=p99_9 * 1e3,
        peak_rss_bytes=timing.peak_rss_bytes,
        instance_rss_bytes=(timing.peak_rss_bytes,),
        size_bytes=size_bytes,
    )
