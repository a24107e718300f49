"""Measure one instance on one core in CPU time of its process, where waiting for the CPU does not count."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from inc_mlflow.hardware.neighbours import Neighbours, sharing
from inc_mlflow.hardware.topology import SYSFS
from inc_mlflow.measure.timing.cpu_time import Timing, interleave
from inc_mlflow.measure.timing.ratio import (
    cpu_time_contradiction,
    cpu_time_pass,
    cpu_time_speed,
    cpu_time_speedup,
    repeatability,
)
from inc_mlflow.records import Interval, Model, Plan
from inc_mlflow.spec import Job
from inc_mlflow.steps.measure.speeds import Speeds, command, compared, conditions, shown

CLOCK = "process CPU time"


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
    ratios = _ratios(timings, against, job.spec.gate.confidence, repeatability(others.shares))
    fastest = next(iter(against))
    generations, passes, _ = latencies[fastest].shape
    measured = conditions(job, plan, models, passes=generations * passes, neighbours=others.shares)
    reasons = sorted(
        {reason for ratio in ratios[fastest].values() if (reason := cpu_time_contradiction(ratio))}
    )
    if reasons:
        return Speeds(CLOCK, measured, latencies, reasons)
    speeds = {
        model.label: cpu_time_speed(timings[model.label], job.layout.batch, model.size_bytes)
        for model in models
    }
    return Speeds(CLOCK, measured, latencies, [], speeds, fastest, ratios)


def _ratios(
    timings: Mapping[str, Timing], against: Mapping[str, list[str]], confidence: float, deviation: float
) -> dict[str, dict[str, Interval]]:
    return {
        slow: {name: cpu_time_speedup(timings[slow], timings[name], confidence, deviation) for name in names}
        for slow, names in against.items()
    }
