"""The speed ratio of two models with its interval, and the summary of one model's times."""

import math
from collections.abc import Sequence

import numpy as np

from inc_mlflow.errors import DataError
from inc_mlflow.measure.timing.cpu_time import Timing
from inc_mlflow.records import Interval, Speed

REPEATABILITY = 0.01
"""Relative standard deviation of the ratio between whole benchmarks, which no repetition within one can see:
the state of the machine changes slowly. Measured with ``tests/benchmarks/repeatability.py``: up to 0.011."""
BESIDE_OTHERS = 0.05
"""The same where other processes work on CPUs that share a cache with the instance: they take cache and
memory bandwidth, which CPU time does not show, for as long as the benchmark runs. Measured beside copies of
memory: ratios moved by nothing (0.4 MB of weights), 0.035 (84 MB) and 0.05 to 0.10 (weights that just fit
into a shared cache)."""
SLOWLY = 0.3
"""Variance of whole benchmarks beyond that of their generations' mean, as a share of that between
generations: the machine changes more slowly than a benchmark lasts. From none (0.4 MB) to all of it (weights
that just fit into a shared cache) was seen."""
BUSY = 0.10
"""Share of the time of those CPUs, above which it counts as that."""
LOW = 0.05
"""Quantile that stands for the minimum. The minimum itself falls for a clock that undercounts once: under
heavy load a virtual machine reported no CPU time at all for one pass among thousands."""
PERCENTILES = (50, 90, 99, 99.9)
WIDEST = 0.25
"""Half-width, relative to the ratio, above which the times contradict each other."""


def speedup(slow: Timing, fast: Timing, confidence: float, repeatability: float = REPEATABILITY) -> Interval:
    """Return how many times faster ``fast`` is, with one-sided bounds.

    Each batch counts with a low quantile of its passes, since load that takes turns with them only adds time.
    The bounds join the spread of the ratio between batches (Student's t on logarithms) with that between
    processes and benchmarks.
    """
    from scipy.special import stdtrit

    slow_least, fast_least = _least(np.concatenate(slow.seconds)), _least(np.concatenate(fast.seconds))
    count = len(slow_least)
    if min(slow_least.min(), fast_least.min()) <= 0 or count < 2:
        raise DataError(
            "benchmark: the clock is too coarse for this model, or there is a single batch; use a larger batch"
        )
    seen = stdtrit(count - 1, confidence) * np.log(slow_least / fast_least).std(ddof=1) / np.sqrt(count)
    generations = np.log(_least(slow.seconds).sum(axis=-1) / _least(fast.seconds).sum(axis=-1))
    value = float(slow_least.sum() / fast_least.sum())
    return joined(value, -seen, seen, between(generations, confidence, repeatability))


def between(generations: np.ndarray, confidence: float, repeatability: float) -> float:
    """Return how far a ratio reaches for what differs between processes and between whole benchmarks.

    The degrees of freedom are those of Welch and Satterthwaite (GUM, G.4).
    """
    from scipy.special import stdtrit

    count = len(generations)
    seen = float(generations.var(ddof=1)) * (1 / count + SLOWLY) if count > 1 else 0.0
    variance = seen + repeatability**2
    freedom = (count - 1) * (variance / seen) ** 2 if seen else math.inf
    return float(stdtrit(freedom, confidence)) * math.sqrt(variance)


def repeatability(neighbours: Sequence[float | None]) -> float:
    """Return the deviation between whole benchmarks, from the share that others used in each generation.

    Unknown is busy.

    The mean counts: who works beside a few generations makes them differ from the others, which the bounds
    hold already.
    """
    known = [share for share in neighbours if share is not None]
    quiet = len(known) == len(neighbours) and float(np.mean(known)) <= BUSY
    return REPEATABILITY if quiet else BESIDE_OTHERS


def joined(value: float, below: float, above: float, type_b: float) -> Interval:
    """Join distances on the logarithm that were seen within a benchmark with one that cannot be."""
    low, high = -np.hypot(below, type_b), np.hypot(above, type_b)
    return Interval(value=value, low=value * float(np.exp(low)), high=value * float(np.exp(high)))


def _least(seconds: np.ndarray) -> np.ndarray:
    """Return the low quantile over the passes of each batch."""
    return np.asarray(np.quantile(seconds, LOW, axis=-2))


def contradiction(ratio: Interval) -> str | None:
    """Say why a ratio cannot be believed, or nothing."""
    width = (ratio.high - ratio.low) / 2 / ratio.value
    if width <= WIDEST:
        return None
    return (
        f"batches and processes disagree by {width:.0%} about the speed-up; the host was too busy, run again"
    )


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
