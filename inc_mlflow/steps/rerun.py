"""Some validation rows, drawn so that nobody could foresee which, run again by whoever judges."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import SystemRandom

import numpy as np

from inc_mlflow.datasets.separate import Data
from inc_mlflow.errors import DataError
from inc_mlflow.hardware.probe import usable_cores
from inc_mlflow.measure.evidence import Measured
from inc_mlflow.measure.outcomes import keep, outcomes_of
from inc_mlflow.metrics.metric import Metric
from inc_mlflow.metrics.resolve import resolve
from inc_mlflow.ort.model import external_files, read_structure, signature
from inc_mlflow.ort.runner import Runner
from inc_mlflow.records import BASELINE, SplitFacts
from inc_mlflow.spec import JobSpec, Layout
from inc_mlflow.steps.evaluate import CLASSES, check_outputs, classes_of, scoring
from inc_mlflow.steps.shards import Share
from inc_mlflow.storage import external_data


@dataclass(frozen=True)
class Rerun:
    """What the models gave here on the rows that were drawn; ``rows`` are their positions in the whole split."""

    metric: Metric
    batch: int
    facts: SplitFacts
    classes: np.ndarray | None
    """As ``facts``, of the whole split."""
    rows: np.ndarray
    outcomes: dict[str, np.ndarray]
    """Of those rows; where the metric does not decompose, its value and what it is on resamples."""

    def claimed(self, measured: Measured, label: str) -> np.ndarray:
        """Return what the evidence says of the same rows; DataError where that cannot be compared."""
        value, outcomes = measured.evaluation.results[label].value, measured.outcomes[label]
        claims = outcomes[self.rows] if self.metric.decomposable else _whole(value, outcomes)
        if claims.shape != self.outcomes[label].shape:
            raise DataError(f"recheck: the outcomes of {label} are not as many as the metric has; the evidence was made up")
        return claims


def run_again(job: JobSpec, models: Mapping[str, Path], wanted: int) -> Rerun:
    """Run files by label, baseline among them, on the CPU, over whole batches with ``wanted`` rows or all there are."""
    for path in models.values():
        _check_weights(path)
    runners = {label: Runner(path, threads=1) for label, path in models.items()}
    check_outputs(runners)
    metric, batch = resolve(job.metric, Path(), runners[BASELINE].outputs), Layout.parse(job.benchmark.layout).batch
    data = Data(job.data, Path(), signature(read_structure(models[BASELINE])))
    drawn = _draw(data, batch, wanted, metric)
    share = Share(data, "validation", batch, drawn)
    kept = keep(runners, BASELINE, share.batches("recheck"), scoring(metric), len(usable_cores()))
    outcomes = outcomes_of(kept, BASELINE, scoring(metric), len(usable_cores()))
    return Rerun(
        metric=metric,
        batch=batch,
        facts=share.facts(),
        classes=classes_of(metric, share.labels).get(CLASSES),
        rows=np.concatenate(list(_rows(share.sizes, drawn))),
        outcomes={
            label: one.replicates if metric.decomposable else _whole(*vars(one).values()) for label, one in outcomes.items()
        },
    )


@dataclass(frozen=True)
class _Drawn:
    """Batches that were drawn; a shard whose batches nobody could foresee."""

    chosen: frozenset[int]
    count: int = 1

    def has(self, batch: int) -> bool:
        return batch in self.chosen


def _whole(value: float | None, replicates: np.ndarray) -> np.ndarray:
    """Put a metric of all rows before what it is on resamples."""
    return np.append(np.nan if value is None else value, replicates)


def _check_weights(path: Path) -> None:
    """A model's digest covers the file and ``model.onnx.data``; what else it would load could be anything."""
    if other := set(external_files(read_structure(path), path)) - {external_data(path)}:
        raise DataError(f"recheck: the model keeps weights in {sorted(other)[0].name}, which its digest says nothing about")


def _draw(data: Data, batch: int, wanted: int, metric: Metric) -> _Drawn:
    there = data.batches("validation", batch) or 0
    count = min(there, math.ceil(wanted / batch))
    if count < there and not metric.decomposable:
        raise DataError(
            f"recheck: {metric.name} is about all rows together, {there * batch} at most, not about {wanted}; raise recheck"
        )
    return _Drawn(frozenset(SystemRandom().sample(range(there), count)))


def _rows(sizes: list[int], drawn: _Drawn) -> Iterator[np.ndarray]:
    start = 0
    for batch, size in enumerate(sizes):
        if drawn.has(batch):
            yield np.arange(start, start + size)
        start += size
