"""The speed of one instance on one core, in CPU time of its thread: other load on the machine is not noise there."""

from collections.abc import Sequence
from pathlib import Path

from inc_mlflow.measure.bench import interleave
from inc_mlflow.measure.ratio import contradiction, speed, speedup
from inc_mlflow.records import BASELINE, Model, Plan
from inc_mlflow.spec import Job
from inc_mlflow.steps.speeds import Speeds, command, compared, conditions, shown

CLOCK = "thread CPU time"


def by_cpu_time(job: Job, plan: Plan, models: Sequence[Model], batches: Path) -> Speeds:
    """Time models in turns on the one core of the plan. ``latencies`` are seconds of shape (passes, batches)."""
    cpus = plan.cpus[0] if plan.pinned else ()
    timings = interleave({model.label: command(model, batches, cpus) for model in models}, shown)
    ratios = {
        against: {name: speedup(timings[against], timings[name], job.spec.gate.confidence) for name in names}
        for against, names in compared(list(timings)).items()
    }
    latencies = {name: timing.seconds for name, timing in timings.items()}
    told = conditions(job, plan, passes=len(next(iter(latencies.values()))))
    reasons = sorted({reason for one in ratios[BASELINE].values() if (reason := contradiction(one))})
    if reasons:
        return Speeds(CLOCK, told, latencies, reasons)
    speeds = {one.label: speed(timings[one.label], job.layout.batch, one.size_bytes) for one in models}
    return Speeds(CLOCK, told, latencies, [], speeds, ratios)
