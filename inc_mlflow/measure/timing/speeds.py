"""What benchmarks by either clock share: commands of instances, the order of models, and the result."""

import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np

from inc_mlflow import progress
from inc_mlflow.measure.timing.worker import ANY
from inc_mlflow.records import BASELINE, SOURCE, Conditions, Interval, Model, Plan, Rounds, Speed, is_baseline
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.spec import CPU, Job

T = TypeVar("T")
PERCENTILES = (50, 90, 99, 99.9)


@dataclass(frozen=True)
class Speeds:
    """Measured speed of several models; with ``reasons`` it is not valid, and there are no numbers."""

    clock: str
    conditions: Conditions
    latencies: dict[str, np.ndarray]
    reasons: list[str]
    models: dict[str, Speed] = field(default_factory=dict)
    against: str = BASELINE
    """Label of the fastest baseline."""
    ratios: dict[str, dict[str, Interval]] = field(default_factory=dict)
    """Label of that baseline or the source -> label of a model -> its speed-up."""
    own: dict[str, Interval] = field(default_factory=dict)
    """Label of a candidate -> its speed-up against the baseline of its engine, where there are several."""
    left_out: list[str] = field(default_factory=list)
    """Why models of a valid benchmark have no numbers."""


def command(model: Model, batches: Path, cpus: Sequence[int]) -> list[str]:
    """Return the command of one instance, bound to ``cpus``; without any it is not bound."""
    places = ",".join(map(str, cpus)) or ANY
    worker = [sys.executable, "-P", "-m", "inc_mlflow.measure.timing.worker"]
    return [*worker, model.engine, model.path, str(batches), places]


def conditions(
    job: Job,
    plan: Plan,
    models: Sequence[Model],
    passes: int | None = None,
    rounds: Rounds | None = None,
    neighbours: Sequence[float | None] | None = None,
) -> Conditions:
    """Return the conditions of a job's benchmark, for its record."""
    engines = dict.fromkeys(model.engine for model in models if model.engine in ENGINES)
    settings = {name: ENGINES.get(name).describe(plan.cpus[0], CPU) for name in engines}
    return Conditions(
        plan=plan,
        scenario=job.spec.benchmark.scenario,
        rate=job.spec.benchmark.rate,
        settings=settings.pop(models[0].engine),
        other_settings=settings,
        passes=passes,
        rounds=rounds,
        neighbours=None if neighbours is None else tuple(neighbours),
    )


def compared(seconds: Mapping[str, float]) -> dict[str, list[str]]:
    """Return for the fastest baseline, and for the source if it runs, the models to compare with it.

    ``seconds`` is the time of a batch by label.
    """
    labels = list(seconds)
    return {
        slow: [name for name in labels if name not in {slow, SOURCE}]
        for slow in (fastest_baseline(seconds), SOURCE)
        if slow in labels
    }


def own_baselines(models: Sequence[Model], measured: Collection[str]) -> dict[str, str]:
    """Return label -> that of the baseline of its engine, of candidates that were measured.

    It is empty where there is one baseline: then a speed-up is against it anyway.
    """
    of_engine = {model.engine: model.label for model in models if is_baseline(model.label)}
    return {
        model.label: of_engine[model.engine]
        for model in models
        if len(of_engine) > 1
        and model.engine in of_engine
        and not is_baseline(model.label)
        and model.label != SOURCE
        and {model.label, of_engine[model.engine]} <= set(measured)
    }


def fastest_baseline(seconds: Mapping[str, float]) -> str:
    """Return the label of the fastest baseline, which the INT8 models of all engines must beat."""
    return min(filter(is_baseline, seconds), key=lambda label: seconds[label])


def shown(rounds: Iterable[int], total: int | None) -> Iterable[int]:
    """Show the progress of the rounds."""
    return progress.track(rounds, "benchmark", total)


def rotated(order: Sequence[T]) -> Iterator[list[T]]:
    """Yield the order of each round, without end.

    It rotates from round to round, so that no model always runs first.
    """
    while True:
        for first in range(len(order)):
            yield [*order[first:], *order[:first]]


def speed_summary(
    samples_per_second: float, percentiles: np.ndarray, rss: Sequence[int], size_bytes: int
) -> Speed:
    """Return the speed of one model.

    ``percentiles`` are the PERCENTILES of its latencies in seconds, ``rss`` the peak memory of each instance
    in bytes.
    """
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
