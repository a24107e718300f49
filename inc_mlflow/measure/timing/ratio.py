"""Speed-ups with their intervals, the speed of one model, and why measured times cannot be believed.

By CPU time the numbers come from ``cpu_time.Timing``, in wall time from the clean rounds of ``wall_time``.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from inc_mlflow.errors import DataError
from inc_mlflow.formatting import percent
from inc_mlflow.measure.stats.bootstrap import BootstrappedMean
from inc_mlflow.measure.stats.score_test import quantile
from inc_mlflow.measure.timing.cpu_time import Timing
from inc_mlflow.measure.timing.wall_time import Round
from inc_mlflow.records import Interval, Speed

CPU_TIME_REPEATABILITY = 0.01
"""Relative standard deviation of the ratio between whole benchmarks, which no repetition within one can see:
the state of the machine changes slowly. Measured with ``tests/benchmarks/repeatability.py``: up to 0.011."""
BUSY_CACHE_REPEATABILITY = 0.05
"""The same where other processes work on CPUs that share a cache with the instance: they take cache and
memory bandwidth, which CPU time does not show, for as long as the benchmark runs. Measured beside copies of
memory: ratios moved by nothing (0.4 MB of weights), 0.035 (84 MB) and 0.05 to 0.10 (weights that just fit
into a shared cache)."""
BUSY_CACHE = 0.10
"""Share of the time of the CPUs that share a cache, above which other processes are taken to work there."""
WALL_TIME_REPEATABILITY = 0.017
"""Relative standard deviation of the ratio between whole benchmarks in wall time. Measured with
``tests/benchmarks/repeatability.py``: 0.005 to 0.017."""
SLOW_CHANGE = 0.3
"""Variance between whole benchmarks beyond that of their generations' mean, as a share of the variance
between generations: the machine changes more slowly than a benchmark lasts. From none of it (0.4 MB) to all
of it (weights that just fit into a shared cache) was seen."""
LOW_QUANTILE = 0.05
"""Quantile that stands for the minimum. The minimum itself falls where a clock undercounts once: under heavy
load a virtual machine reported no CPU time at all for one pass among thousands."""
_SLOWEST = 1e-12
"""Calls per second that stand for none, whose logarithm is no number."""
PERCENTILES = (50, 90, 99, 99.9)
CPU_TIME_WIDEST = 0.25
"""Half-width, relative to the ratio, above which CPU times contradict each other."""
WALL_TIME_WIDEST = 0.10
"""Half-width, relative to the ratio, above which rounds are added; at the end the rounds then contradict each
other."""
MOST_DEMAND = 0.9
"""Share of the time that instances may be busy with arrivals. Near 1 the waiting time depends on how long the
benchmark lasts."""


def cpu_time_speedup(
    slow: Timing, fast: Timing, confidence: float, repeatability: float = CPU_TIME_REPEATABILITY
) -> Interval:
    """Return how many times faster ``fast`` is, with one-sided bounds.

    Each batch counts with a low quantile of its passes, since load that takes turns with them only adds time.
    The bounds join the spread of the ratio between batches (Student's t on logarithms) with that between
    processes and between benchmarks. Raises DataError where a time is 0 or there is a single batch.
    """
    from scipy.special import stdtrit

    slow_least, fast_least = _least(np.concatenate(slow.seconds)), _least(np.concatenate(fast.seconds))
    count = len(slow_least)
    if min(slow_least.min(), fast_least.min()) <= 0 or count < 2:
        raise DataError(
            "benchmark: the clock is too coarse for this model, or there is a single batch; "
            "use a larger batch"
        )
    spread = stdtrit(count - 1, confidence) * np.log(slow_least / fast_least).std(ddof=1) / np.sqrt(count)
    generations = np.log(_least(slow.seconds).sum(axis=-1) / _least(fast.seconds).sum(axis=-1))
    value = float(slow_least.sum() / fast_least.sum())
    return _interval(value, -spread, spread, between_generations(generations, confidence, repeatability))


def cpu_time_pass(timing: Timing) -> float:
    """Return the CPU seconds of one pass over the batches, as a speed-up counts them."""
    return float(_least(np.concatenate(timing.seconds)).sum())


def wall_time_call(rounds: Sequence[Round], model: str) -> float:
    """Return the seconds that one call takes, as a speed-up counts them: the geometric mean over rounds."""
    return float(np.exp(-np.mean([np.log(max(one.turns[model].pace(), _SLOWEST)) for one in rounds])))


def wall_time_speedup(rounds: Sequence[Round], slow: str, fast: str, confidence: float) -> Interval:
    """Return how many times faster ``fast`` is, with one-sided bounds.

    The value is the geometric mean of the rounds' ratios of pace. The bounds join a BCa bootstrap of the
    logarithms over rounds (Efron 1987, fixed seed) with the repeatability of whole benchmarks (GUM, type B).
    """
    ratios = np.log([one.turns[fast].pace() / one.turns[slow].pace() for one in rounds])
    mean = BootstrappedMean(ratios).at(confidence)
    below, above = mean.low - mean.value, mean.high - mean.value
    return _interval(float(np.exp(mean.value)), below, above, quantile(confidence) * WALL_TIME_REPEATABILITY)


def repeatability(neighbours: Sequence[float | None]) -> float:
    """Return the relative deviation between whole benchmarks by CPU time.

    ``neighbours`` are the shares that others used of the CPUs that share a cache, one per generation; None
    (cannot be read) counts as busy. Their mean counts: who works beside only some generations makes those
    differ from the others, which the bounds hold already.
    """
    known = [share for share in neighbours if share is not None]
    quiet = len(known) == len(neighbours) and float(np.mean(known)) <= BUSY_CACHE
    return CPU_TIME_REPEATABILITY if quiet else BUSY_CACHE_REPEATABILITY


def cpu_time_contradiction(ratio: Interval) -> str | None:
    """Say why a ratio by CPU time cannot be believed; None where it can."""
    width = (ratio.high - ratio.low) / 2 / ratio.value
    if width <= CPU_TIME_WIDEST:
        return None
    return (
        f"batches and processes disagree by {width:.0%} about the speed-up; the host was too busy, run again"
    )


def wall_time_contradictions(
    rounds: Sequence[Round],
    baseline: str,
    candidates: Sequence[str],
    confidence: float,
    overloaded: Mapping[str, str],
) -> list[str]:
    """Say why clean rounds give no speed-up: they contradict each other, or arrivals are too many.

    ``overloaded`` is what ``overloaded_models`` returned. The baseline must keep up, and at least one of the
    candidates.
    """
    able = keeping_up(candidates, overloaded)
    if baseline in overloaded or (candidates and not able):
        return [overloaded[name] for name in (baseline, *candidates) if name in overloaded]
    if rounds_agree(rounds, baseline, able, confidence):
        return []
    widest = percent(WALL_TIME_WIDEST)
    return [f"{len(rounds)} undisturbed rounds disagree by more than {widest} about the speed-up; run again"]


def rounds_agree(
    rounds: Sequence[Round], baseline: str, candidates: Iterable[str], confidence: float
) -> bool:
    """Tell whether the bounds of every candidate's speed-up are narrow enough."""
    ratios = [wall_time_speedup(rounds, baseline, name, confidence) for name in candidates]
    return all((ratio.high - ratio.low) / 2 <= WALL_TIME_WIDEST * ratio.value for ratio in ratios)


def overloaded_models(rounds: Sequence[Round], rate: float | None) -> dict[str, str]:
    """Return by name the models that cannot keep up with ``rate`` arrivals per second, each with a sentence.

    Their latency only depends on how long the benchmark lasts. None are where ``rate`` is None.
    """
    if rate is None:
        return {}
    found = dict[str, str]()
    for model in rounds[0].turns:
        turns = [one.turns[model] for one in rounds]
        demand = float(np.mean([turn.demand() for turn in turns]))
        if demand > MOST_DEMAND or any(turn.unserved() for turn in turns):
            found[model] = (
                f"{model} cannot keep up with {rate:g} requests per second: they take "
                f"{percent(round(demand, 2))} of its instances' time; "
                f"give a rate below {rate * MOST_DEMAND / demand:.3g}"
            )
    return found


def keeping_up(models: Iterable[str], overloaded: Mapping[str, str]) -> list[str]:
    """Return the models that are not overloaded, in their order."""
    return [name for name in models if name not in overloaded]


def cpu_time_speed(timing: Timing, batch: int, size_bytes: int) -> Speed:
    """Summarise one model: percentiles over all passes and batches, samples per second at the median."""
    percentiles = np.percentile(timing.seconds, PERCENTILES)
    rss = (timing.peak_rss_bytes,)
    return _speed(batch / float(percentiles[0]), percentiles, rss, size_bytes)


def wall_time_speed(
    rounds: Sequence[Round], model: str, batch: int, rss: Sequence[int], size_bytes: int
) -> Speed:
    """Summarise one model: percentiles of the pooled latencies, samples over the seconds of all windows.

    ``rss`` is the peak memory of each instance in bytes.
    """
    turns = [one.turns[model] for one in rounds]
    percentiles = np.percentile(np.concatenate([turn.latencies() for turn in turns]), PERCENTILES)
    samples = batch * sum(turn.completed() for turn in turns)
    return _speed(samples / sum(turn.seconds for turn in turns), percentiles, rss, size_bytes)


def _speed(samples_per_second: float, percentiles: np.ndarray, rss: Sequence[int], size_bytes: int) -> Speed:
    p50, p90, p99, p99_9 = (float(seconds) * 1e3 for seconds in percentiles)
    return Speed(
        samples_per_second=samples_per_second,
        p50_ms=p50,
        p90_ms=p90,
        p99_ms=p99,
        p99_9_ms=p99_9,
        peak_rss_bytes=max(rss),
        instance_rss_bytes=tuple(rss),
        size_bytes=size_bytes,
    )


def between_generations(generations: np.ndarray, confidence: float, repeatability: float) -> float:
    """Return how far a ratio reaches for what differs between processes and between whole benchmarks.

    ``generations`` are logarithms of ratios, shape (generations,). The degrees of freedom are those of Welch
    and Satterthwaite (GUM, G.4).
    """
    from scipy.special import stdtrit

    count = len(generations)
    seen = float(generations.var(ddof=1)) * (1 / count + SLOW_CHANGE) if count > 1 else 0.0
    variance = seen + repeatability**2
    freedom = (count - 1) * (variance / seen) ** 2 if seen else math.inf
    return float(stdtrit(freedom, confidence)) * math.sqrt(variance)


def _interval(value: float, below: float, above: float, type_b: float) -> Interval:
    """Join distances on the logarithm: those seen within a benchmark, and one that cannot be seen there."""
    low, high = -np.hypot(below, type_b), np.hypot(above, type_b)
    return Interval(value=value, low=value * float(np.exp(low)), high=value * float(np.exp(high)))


def _least(seconds: np.ndarray) -> np.ndarray:
    """Return the low quantile over the passes, the last axis but one, of each batch."""
    return np.asarray(np.quantile(seconds, LOW_QUANTILE, axis=-2))
