"""Speed in wall time: the ratio of two models over paired rounds, the summary of one, and why neither can be believed."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from inc_mlflow.formatting import percent
from inc_mlflow.measure.stats.bootstrap import BootstrappedMean
from inc_mlflow.measure.stats.score_test import quantile
from inc_mlflow.measure.timing.ratio import PERCENTILES, joined
from inc_mlflow.measure.timing.rounds import Round
from inc_mlflow.records import Interval, Speed

REPEATABILITY = 0.017
"""Relative standard deviation of the ratio between whole benchmarks in wall time. Measured with
``tests/benchmarks/repeatability.py``: 0.005 to 0.017."""
WIDEST = 0.10
"""Half-width, relative to the ratio, above which rounds are added, and in the end the times contradict each
other."""
BUSIEST = 0.9
"""Share of the time that instances may be busy with arrivals: nearer to 1, waiting depends on how long one
looks."""


def speedup(rounds: Sequence[Round], slow: str, fast: str, confidence: float) -> Interval:
    """Return how many times faster ``fast`` is, with one-sided bounds.

    The geometric mean of the rounds' ratios of pace, BCa bootstrap over rounds (Efron 1987) with a fixed seed
    on logarithms, joined with the repeatability of whole benchmarks (GUM, type B).
    """
    ratios = np.log([one.turns[fast].pace() / one.turns[slow].pace() for one in rounds])
    mean = BootstrappedMean(ratios).at(confidence)
    below, above = mean.low - mean.value, mean.high - mean.value
    return joined(float(np.exp(mean.value)), below, above, quantile(confidence) * REPEATABILITY)


def agree(rounds: Sequence[Round], baseline: str, candidates: Iterable[str], confidence: float) -> bool:
    """Tell whether the rounds agree about every speed-up."""
    ratios = [speedup(rounds, baseline, name, confidence) for name in candidates]
    return all((ratio.high - ratio.low) / 2 <= WIDEST * ratio.value for ratio in ratios)


def reasons(
    rounds: Sequence[Round],
    baseline: str,
    candidates: Sequence[str],
    confidence: float,
    slow: Mapping[str, str],
) -> list[str]:
    """Say why clean rounds give no speed-up: rounds that contradict each other, or too many arrivals.

    ``slow`` are the models that cannot keep up with these: the baseline is needed, and one of the candidates.
    """
    kept = able(candidates, slow)
    if baseline in slow or (candidates and not kept):
        return [slow[name] for name in (baseline, *candidates) if name in slow]
    if agree(rounds, baseline, kept, confidence):
        return []
    return [
        f"{len(rounds)} undisturbed rounds disagree by more than {percent(WIDEST)} about the speed-up; run again"
    ]


def speed(rounds: Sequence[Round], model: str, batch: int, rss: Sequence[int], size_bytes: int) -> Speed:
    """Summarise one model: percentiles of the pooled latencies, samples over the seconds of all windows."""
    turns = [one.turns[model] for one in rounds]
    p50, p90, p99, p99_9 = (
        np.percentile(np.concatenate([turn.latencies() for turn in turns]), PERCENTILES) * 1e3
    )
    return Speed(
        samples_per_second=batch
        * sum(turn.completed() for turn in turns)
        / sum(turn.seconds for turn in turns),
        p50_ms=float(p50),
        p90_ms=float(p90),
        p99_ms=float(p99),
        p99_9_ms=float(p99_9),
        peak_rss_bytes=max(rss),
        instance_rss_bytes=tuple(rss),
        size_bytes=size_bytes,
    )


def able(models: Iterable[str], slow: Mapping[str, str]) -> list[str]:
    """Return the models that are not slow."""
    return [name for name in models if name not in slow]


def overloaded(rounds: Sequence[Round], rate: float | None) -> dict[str, str]:
    """Say which models cannot keep up with the arrivals: their latency only depends on how long one looks."""
    if rate is None:
        return {}
    found = dict[str, str]()
    for model in rounds[0].turns:
        turns = [one.turns[model] for one in rounds]
        demand = float(np.mean([turn.demand() for turn in turns]))
        if demand > BUSIEST or any(turn.unserved() for turn in turns):
            found[model] = (
                f"{model} cannot keep up with {rate:g} requests per second: they take {percent(round(demand, 2))} of its "
                f"instances' time; give a rate below {rate * BUSIEST / demand:.3g}"
            )
    return found
