"""What the two ways to measure speed share: the commands of instances, which models are compared, and the result."""

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from inc_mlflow import progress
from inc_mlflow.engines.onnxruntime.runtime.session import describe
from inc_mlflow.measure.timing.worker import ANY
from inc_mlflow.records import BASELINE, SOURCE, Conditions, Interval, Model, Plan, Rounds, Speed
from inc_mlflow.spec import Job


@dataclass(frozen=True)
class Speeds:
    """What was measured of several models; with ``reasons`` it is not valid, and there are no numbers."""

    clock: str
    conditions: Conditions
    latencies: dict[str, np.ndarray]
    reasons: list[str]
    models: dict[str, Speed] = field(default_factory=dict)
    ratios: dict[str, dict[str, Interval]] = field(default_factory=dict)
    """Baseline and source -> label -> times as fast."""
    left_out: list[str] = field(default_factory=list)
    """Why models of a valid benchmark have no numbers."""


def command(model: Model, batches: Path, cpus: Sequence[int]) -> list[str]:
    """Return what starts one instance, bound to ``cpus``; to none if there are none."""
    places = ",".join(map(str, cpus)) or ANY
    return [sys.executable, "-m", "inc_mlflow.measure.timing.worker", model.path, str(batches), places]


def conditions(
    job: Job,
    plan: Plan,
    passes: int | None = None,
    rounds: Rounds | None = None,
    neighbours: Sequence[float | None] | None = None,
) -> Conditions:
    """Return how a job's benchmark was measured."""
    return Conditions(
        plan=plan,
        scenario=job.spec.benchmark.scenario,
        rate=job.spec.benchmark.rate,
        settings=describe(plan.cpus[0]),
        passes=passes,
        rounds=rounds,
        neighbours=None if neighbours is None else tuple(neighbours),
    )


def compared(labels: Sequence[str]) -> dict[str, list[str]]:
    """Return for baseline and source, where it runs, the models whose speed-up against it is asked for."""
    return {
        one: [name for name in labels if name not in {one, SOURCE}]
        for one in (BASELINE, SOURCE)
        if one in labels
    }


def shown(rounds: Iterable[int], total: int | None) -> Iterable[int]:
    """Show how far the rounds are."""
    return progress.track(rounds, "benchmark", total)
