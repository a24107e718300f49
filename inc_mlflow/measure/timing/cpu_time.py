"""Measure one instance on one core by CPU time of its process, where waiting for the CPU does not count.

Every model has a process of its own, and all of them run in turns. All processes start anew several times.
"""

import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from inc_mlflow.errors import DataError
from inc_mlflow.hardware.neighbours import Neighbours, sharing
from inc_mlflow.hardware.topology import SYSFS
from inc_mlflow.measure.timing.instance import CPU_SECONDS, Instance
from inc_mlflow.measure.timing.repeatability import (
    CPU_TIME_REPEATABILITY,
    between_generations,
    ratio_interval,
    repeatability,
)
from inc_mlflow.measure.timing.speeds import (
    PERCENTILES,
    Speeds,
    command,
    compared,
    conditions,
    own_baselines,
    rotated,
    shown,
    speed_summary,
)
from inc_mlflow.records import Interval, Model, Plan, Speed
from inc_mlflow.spec import Job

_CLOCK = "process CPU time"
GENERATIONS = 5
"""Times that all processes start anew: how a process lies in memory and caches decides its speed for as long
as it lives."""
SECONDS = 4.5
"""Wall time that the rounds of all generations aim at, all models together."""
TURN_SECONDS = 0.02
"""Least time that one model runs before the next one."""
ROUNDS = (20, 400)
"""Fewest and most rounds of all generations: with fewer, the least times are not yet steady."""
LOW_QUANTILE = 0.05
"""Quantile that stands for the minimum. The minimum itself falls where a clock undercounts once: under heavy
load a virtual machine reported no CPU time at all for one pass among thousands."""
CPU_TIME_WIDEST = 0.25
"""Half-width, relative to the ratio, above which CPU times contradict each other."""

WatchProcesses = Callable[[Sequence[int]], AbstractContextManager[object]]


@dataclass(frozen=True)
class Timing:
    """CPU times of one model.

    ``seconds`` has shape (generations, passes, batches); all models of one benchmark share all three.
    """

    seconds: np.ndarray
    peak_rss_bytes: int


@dataclass(frozen=True)
class _Schedule:
    """How often models run: passes over the batches in a turn, rounds of turns in a generation."""

    passes: int
    rounds: int


def by_cpu_time(job: Job, plan: Plan, models: Sequence[Model], batches: Path) -> Speeds:
    """Time models in turns on the one core of the plan.

    ``latencies`` are seconds of shape (generations, passes, batches).
    """
    cpus = plan.cpus[0] if plan.pinned else ()
    others = Neighbours(sharing(cpus[0], SYSFS) if cpus else ())
    timings = interleave(
        {model.label: command(model, batches, cpus) for model in models}, shown, others.watch
    )
    latencies = {name: timing.seconds for name, timing in timings.items()}
    against = compared({name: cpu_time_pass(timing) for name, timing in timings.items()})
    confidence, deviation = job.spec.gate.confidence, repeatability(others.shares)
    ratios = _ratios(timings, against, confidence, deviation)
    own = {
        label: cpu_time_speedup(timings[baseline], timings[label], confidence, deviation)
        for label, baseline in own_baselines(models, timings).items()
    }
    fastest = next(iter(against))
    generations, passes, _ = latencies[fastest].shape
    measured = conditions(job, plan, models, passes=generations * passes, neighbours=others.shares)
    reasons = sorted(
        {reason for ratio in ratios[fastest].values() if (reason := cpu_time_contradiction(ratio))}
    )
    if reasons:
        return Speeds(_CLOCK, measured, latencies, reasons)
    speeds = {
        model.label: cpu_time_speed(timings[model.label], job.layout.batch, model.size_bytes)
        for model in models
    }
    return Speeds(_CLOCK, measured, latencies, [], speeds, fastest, ratios, own)


def interleave(
    commands: Mapping[str, Sequence[str]],
    progress: Callable[[Iterable[int], int], Iterable[int]],
    watch: WatchProcesses = nullcontext,
) -> dict[str, Timing]:
    """Run all models in turns and return their times by name.

    ``commands`` start one instance per model. ``progress`` wraps the loop over the generations. ``watch``
    gets the process ids of a generation, and is entered while that is measured. Raises ModelError where an
    instance ends or reports an error.
    """
    orders, schedule, generations = rotated(list(commands)), None, list[dict[str, Timing]]()
    for _ in progress(range(GENERATIONS), GENERATIONS):
        with ExitStack() as stack:
            instances = {name: stack.enter_context(Instance(command)) for name, command in commands.items()}
            schedule = _warmed_up(instances.values(), schedule)
            with watch([instance.pid for instance in instances.values()]):
                generations.append(_generation(instances, schedule, orders))
    return {name: _joined([one[name] for one in generations]) for name in commands}


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
    return ratio_interval(value, -spread, spread, between_generations(generations, confidence, repeatability))


def cpu_time_pass(timing: Timing) -> float:
    """Return the CPU seconds of one pass over the batches, as a speed-up counts them."""
    return float(_least(np.concatenate(timing.seconds)).sum())


def cpu_time_contradiction(ratio: Interval) -> str | None:
    """Say why a ratio by CPU time cannot be believed; None where it can."""
    width = (ratio.high - ratio.low) / 2 / ratio.value
    if width <= CPU_TIME_WIDEST:
        return None
    return (
        f"batches and processes disagree by {width:.0%} about the speed-up; the host was too busy, run again"
    )


def cpu_time_speed(timing: Timing, batch: int, size_bytes: int) -> Speed:
    """Summarise one model: percentiles over all passes and batches, samples per second at the median."""
    percentiles = np.percentile(timing.seconds, PERCENTILES)
    rss = (timing.peak_rss_bytes,)
    return speed_summary(batch / float(percentiles[0]), percentiles, rss, size_bytes)


def _ratios(
    timings: Mapping[str, Timing], against: Mapping[str, list[str]], confidence: float, deviation: float
) -> dict[str, dict[str, Interval]]:
    return {
        slow: {name: cpu_time_speedup(timings[slow], timings[name], confidence, deviation) for name in names}
        for slow, names in against.items()
    }


def _generation(
    instances: Mapping[str, Instance], schedule: _Schedule, orders: Iterator[list[str]]
) -> dict[str, Timing]:
    seconds: dict[str, list[np.ndarray]] = {name: [] for name in instances}
    for order in islice(orders, schedule.rounds):
        for name in order:
            seconds[name].append(_times(instances[name], schedule.passes))
    return {
        name: Timing(np.concatenate(seconds[name])[None], one.peak_rss_bytes)
        for name, one in instances.items()
    }


def _joined(generations: Sequence[Timing]) -> Timing:
    return Timing(
        np.concatenate([one.seconds for one in generations]), max(one.peak_rss_bytes for one in generations)
    )


def _times(instance: Instance, passes: int) -> np.ndarray:
    """Return the CPU seconds of each call, shape (passes, batches)."""
    return instance.ask({"passes": passes})[:, CPU_SECONDS].reshape(passes, -1)


def _warmed_up(instances: Collection[Instance], schedule: _Schedule | None) -> _Schedule:
    """Run each model, to touch and allocate all memory; the first generation sets the schedule of all."""
    if schedule is None:
        passes = _passes(_warm_up(instances, 1) / len(instances))
        return _Schedule(passes, _rounds(_warm_up(instances, passes)))
    for instance in instances:
        _times(instance, schedule.passes)
    return schedule


def _warm_up(instances: Collection[Instance], passes: int) -> float:
    """Run each model twice, and return the wall time of the second round."""
    for instance in instances:
        _times(instance, passes)
    start = time.monotonic()
    for instance in instances:
        _times(instance, passes)
    return time.monotonic() - start


def _passes(seconds_per_turn: float) -> int:
    """Passes over the batches in one turn: a small model finds caches cold, so its turn must be longer."""
    return max(1, math.ceil(TURN_SECONDS / max(seconds_per_turn, 1e-6)))


def _rounds(seconds_per_round: float) -> int:
    """Rounds of one generation."""
    fewest, most = ROUNDS
    return math.ceil(max(fewest, min(most, math.ceil(SECONDS / max(seconds_per_round, 1e-6)))) / GENERATIONS)


def _least(seconds: np.ndarray) -> np.ndarray:
    """Return the low quantile over the passes, the last axis but one, of each batch."""
    return np.asarray(np.quantile(seconds, LOW_QUANTILE, axis=-2))
