"""Measure several instances or cores, or requests at a rate, in wall time with checks of validity."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

import numpy as np

from inc_mlflow.errors import HardwareError
from inc_mlflow.hardware.counters import LoadMeter
from inc_mlflow.hardware.quota import cpu_quota
from inc_mlflow.measure.timing import disturbance, ratio
from inc_mlflow.measure.timing.instance import InstanceGroup
from inc_mlflow.measure.timing.wall_time import Round, run_rounds
from inc_mlflow.records import Interval, Model, Plan
from inc_mlflow.spec import Job
from inc_mlflow.steps.measure.speeds import Speeds, command, compared, conditions, shown

CLOCK = "wall time"


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
        return Speeds(CLOCK, measured_under, latencies, reasons)
    slow = ratio.overloaded_models(clean, job.spec.benchmark.rate)
    if reasons := _contradictions(job, clean, slow):
        return Speeds(CLOCK, measured_under, latencies, reasons)
    keeping_up = [model for model in models if model.label not in slow]
    speeds = {
        model.label: ratio.wall_time_speed(
            clean, model.label, job.layout.batch, memory[model.label], model.size_bytes
        )
        for model in keeping_up
    }
    against = compared({label: seconds for label, seconds in _seconds(clean).items() if label in speeds})
    ratios = _ratios(job, clean, against)
    left_out = list(slow.values())
    return Speeds(CLOCK, measured_under, latencies, [], speeds, next(iter(against)), ratios, left_out)


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
            lambda clean: _agree(job, clean, ratio.overloaded_models(clean, rate)),
            lambda numbers, _: shown(numbers, None),
        )
        return rounds, {
            name: [each.peak_rss_bytes for each in group.instances] for name, group in groups.items()
        }


def _ratios(
    job: Job, clean: Sequence[Round], against: Mapping[str, list[str]]
) -> dict[str, dict[str, Interval]]:
    return {
        slow: {name: ratio.wall_time_speedup(clean, slow, name, job.spec.gate.confidence) for name in names}
        for slow, names in against.items()
    }


def _seconds(clean: Sequence[Round]) -> dict[str, float]:
    """Return the seconds of a call by label, as speed-ups count them; with arrivals, its latency."""
    return {label: ratio.wall_time_call(clean, label) for label in clean[0].turns}


def _agree(job: Job, clean: Sequence[Round], slow: Mapping[str, str]) -> bool:
    """Tell whether no more rounds are needed: they agree, or the baseline cannot keep up anyway."""
    baseline, others = next(iter(compared(_seconds(clean)).items()))
    return baseline in slow or ratio.rounds_agree(
        clean, baseline, ratio.keeping_up(others, slow), job.spec.gate.confidence
    )


def _contradictions(job: Job, clean: Sequence[Round], slow: Mapping[str, str]) -> list[str]:
    baseline, others = next(iter(compared(_seconds(clean)).items()))
    return ratio.wall_time_contradictions(clean, baseline, others, job.spec.gate.confidence, slow)


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
