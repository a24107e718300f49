"""Measure several instances or cores, or requests at a rate, in wall time with checks of validity."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import numpy as np

from inc_mlflow.errors import HardwareError
from inc_mlflow.formatting import percent
from inc_mlflow.hardware.counters import LoadMeter
from inc_mlflow.hardware.quota import cpu_quota
from inc_mlflow.measure.stats.bootstrap import BootstrappedMean
from inc_mlflow.measure.stats.score_test import quantile
from inc_mlflow.measure.timing import disturbance
from inc_mlflow.measure.timing.instance import InstanceGroup
from inc_mlflow.measure.timing.repeatability import WALL_TIME_REPEATABILITY, ratio_interval
from inc_mlflow.measure.timing.rounds import Round, run_rounds
from inc_mlflow.measure.timing.speeds import (
    PERCENTILES,
    Speeds,
    command,
    compared,
    conditions,
    own_baselines,
    shown,
    speed_summary,
)
from inc_mlflow.records import Interval, Model, Plan, Speed
from inc_mlflow.spec import Job

_CLOCK = "wall time"
WALL_TIME_WIDEST = 0.10
"""Half-width, relative to the ratio, above which rounds are added; at the end the rounds then contradict each
other."""
MOST_DEMAND = 0.9
"""Share of the time that instances may be busy with arrivals. Near 1 the waiting time depends on how long the
benchmark lasts."""
_SLOWEST = 1e-12
"""Calls per second that stand for none, whose logarithm is no number."""


def by_wall_time(job: Job, plan: Plan, models: Sequence[Model], batches: Path) -> Speeds:
    """Run models in turns on the CPUs of the plan, all instances of all of them loaded at once.

    ``latencies`` have the columns round, instance, due, start, end, and whether the round is clean. Raises
    HardwareError where processes cannot be bound to CPUs, or disturbance cannot be observed.
    """
    if not plan.pinned:
        raise HardwareError(
            "benchmark.scenario: arrival_rate needs a process bound to CPUs; use throughput on this system"
        )
    rounds, memory = _run(job, plan, models, batches)
    seen = disturbance.summarise([measured.load for measured in rounds])
    measured_under = conditions(job, plan, models, rounds=seen)
    latencies = {model.label: _rows(rounds, model.label) for model in models}
    clean = [measured for measured in rounds if measured.clean]
    if reasons := disturbance.too_few_clean(seen, list(chain(*plan.cpus))):
        return Speeds(_CLOCK, measured_under, latencies, reasons)
    slow = overloaded_models(clean, job.spec.benchmark.rate)
    if reasons := _contradictions(job, clean, slow):
        return Speeds(_CLOCK, measured_under, latencies, reasons)
    able = [model for model in models if model.label not in slow]
    speeds = {
        model.label: wall_time_speed(
            clean, model.label, job.layout.batch, memory[model.label], model.size_bytes
        )
        for model in able
    }
    against = compared({label: seconds for label, seconds in _seconds(clean).items() if label in speeds})
    ratios = _ratios(job, clean, against)
    confidence, left_out = job.spec.gate.confidence, list(slow.values())
    own = {
        label: wall_time_speedup(clean, baseline, label, confidence)
        for label, baseline in own_baselines(models, speeds).items()
    }
    return Speeds(_CLOCK, measured_under, latencies, [], speeds, next(iter(against)), ratios, own, left_out)


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
    type_b = quantile(confidence) * WALL_TIME_REPEATABILITY
    return ratio_interval(float(np.exp(mean.value)), below, above, type_b)


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


def wall_time_speed(
    rounds: Sequence[Round], model: str, batch: int, rss: Sequence[int], size_bytes: int
) -> Speed:
    """Summarise one model: percentiles of the pooled latencies, samples over the seconds of all windows.

    ``rss`` is the peak memory of each instance in bytes.
    """
    turns = [one.turns[model] for one in rounds]
    percentiles = np.percentile(np.concatenate([turn.latencies() for turn in turns]), PERCENTILES)
    samples = batch * sum(turn.completed() for turn in turns)
    return speed_summary(samples / sum(turn.seconds for turn in turns), percentiles, rss, size_bytes)


def _run(
    job: Job, plan: Plan, models: Sequence[Model], batches: Path
) -> tuple[list[Round], dict[str, list[int]]]:
    """Return all rounds, and the peak memory of each instance by model."""
    rate = job.spec.benchmark.rate
    with ExitStack() as stack:
        groups = {
            model.label: stack.enter_context(
                InstanceGroup([command(model, batches, cpus) for cpus in plan.cpus], len(plan.cpus[0]))
            )
            for model in models
        }
        rounds = run_rounds(
            groups,
            rate,
            lambda: watch([each.pid for group in groups.values() for each in group.instances], plan),
            lambda clean: _agree(job, clean, overloaded_models(clean, rate)),
            lambda numbers, _: shown(numbers, None),
        )
        return rounds, {
            name: [each.peak_rss_bytes for each in group.instances] for name, group in groups.items()
        }


def _ratios(
    job: Job, clean: Sequence[Round], against: Mapping[str, list[str]]
) -> dict[str, dict[str, Interval]]:
    return {
        slow: {name: wall_time_speedup(clean, slow, name, job.spec.gate.confidence) for name in names}
        for slow, names in against.items()
    }


def _seconds(clean: Sequence[Round]) -> dict[str, float]:
    """Return the seconds of a call by label, as speed-ups count them; with arrivals, its latency."""
    return {label: wall_time_call(clean, label) for label in clean[0].turns}


def _agree(job: Job, clean: Sequence[Round], slow: Mapping[str, str]) -> bool:
    """Tell whether no more rounds are needed: they agree, or the baseline cannot keep up anyway."""
    baseline, others = next(iter(compared(_seconds(clean)).items()))
    return baseline in slow or rounds_agree(
        clean, baseline, keeping_up(others, slow), job.spec.gate.confidence
    )


def _contradictions(job: Job, clean: Sequence[Round], slow: Mapping[str, str]) -> list[str]:
    baseline, others = next(iter(compared(_seconds(clean)).items()))
    return wall_time_contradictions(clean, baseline, others, job.spec.gate.confidence, slow)


def watch(pids: Sequence[int], plan: Plan) -> LoadMeter:
    """Observe what disturbs the instances; raise HardwareError where the kernel does not show enough."""
    quota = cpu_quota()
    watching = LoadMeter(pids, list(chain(*plan.cpus)), quota.groups if quota else ())
    load = watching()
    if load.waited is None and load.other is None:
        raise HardwareError(
            "benchmark.layout: neither /proc/PID/schedstat nor /proc/stat can be read, so other load would "
            "not be noticed; use 1s1c1ins1bs, which is measured in CPU time"
        )
    return watching


def _rows(rounds: Sequence[Round], model: str) -> np.ndarray:
    rows = [
        np.column_stack(
            [
                np.full(len(calls), number),
                np.full(len(calls), place),
                calls[:, :3],
                np.full(len(calls), measured.clean),
            ]
        )
        for number, measured in enumerate(rounds)
        for place, calls in enumerate(measured.turns[model].calls)
    ]
    return np.concatenate(rows)
