"""Some validation rows, drawn so that nobody could foresee which, run again by whoever judges."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from secrets import SystemRandom

import numpy as np

from inc_mlflow.datasets.separate import Data
from inc_mlflow.datasets.share import Share
from inc_mlflow.engines.engine import Engine, RunSettings
from inc_mlflow.errors import DataError
from inc_mlflow.files import model_files
from inc_mlflow.hardware.probe import usable_cores
from inc_mlflow.measure.gate.evidence import Measured
from inc_mlflow.measure.gate.measurements import CLASSES
from inc_mlflow.measure.stats.outcomes import evaluate_rows, outcomes_of
from inc_mlflow.measure.stats.scoring import check_outputs, classes_of, effective_rows_of, scoring_of
from inc_mlflow.metrics.metric import Metric
from inc_mlflow.metrics.resolve import resolve
from inc_mlflow.records import BASELINE, SplitFacts
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.spec import JobSpec, Layout


@dataclass(frozen=True)
class Rerun:
    """What the models gave here on the batches that hold the rows that were drawn."""

    metric: Metric
    batch: int
    facts: SplitFacts
    classes: np.ndarray | None
    groups: np.ndarray | None
    """As ``facts``, both of the whole split."""
    hangs_on: float | None
    """As in an evaluation's record."""
    rows: np.ndarray
    """Positions in the whole split of all that was run."""
    drawn: np.ndarray
    """Tells of each of them whether it was drawn, or only stands in a batch with one that was."""
    outcomes: dict[str, np.ndarray]
    """Of those rows; where the metric does not decompose, its value and what it is on resamples."""

    def claimed(self, measured: Measured, label: str) -> np.ndarray:
        """Return what the evidence says of the same rows; DataError where that cannot be compared."""
        value, outcomes = measured.evaluation.results[label].value, measured.outcomes[label]
        claims = outcomes[self.rows] if self.metric.decomposable else _whole(value, outcomes)
        if claims.shape != self.outcomes[label].shape:
            raise DataError(
                f"recheck: the outcomes of {label} are not as many as the metric has; the evidence was made up"
            )
        return claims

    def sample(self, outcomes: np.ndarray) -> np.ndarray:
        """Return those of rows that were drawn each by itself, as statistics want them, or what is about all rows."""
        return outcomes[self.drawn] if self.metric.decomposable else outcomes


def run_again(job: JobSpec, models: Mapping[str, Path], engines: Mapping[str, str], wanted: int) -> Rerun:
    """Run models by label, baseline among them, on the CPU, over whole batches that hold ``wanted`` rows, or all.

    ``engines`` says by label what runs each.
    """
    running = {label: ENGINES.get(engines[label]) for label in models}
    for label, path in models.items():
        _check_weights(running[label], path)
    runners = {label: running[label].load(path, RunSettings()) for label, path in models.items()}
    check_outputs(runners)
    metric, batch = (
        resolve(job.metric, Path(), list(runners[BASELINE].outputs)),
        Layout.parse(job.benchmark.layout).batch,
    )
    data = Data(job.data, Path(), running[BASELINE].interface(models[BASELINE]).inputs)
    drawn = _draw(data, batch, wanted, metric)
    share = Share(data, "validation", batch, drawn)
    kept = evaluate_rows(runners, BASELINE, share.batches("recheck"), scoring_of(metric), len(usable_cores()))
    groups = data.groups("validation")
    outcomes = outcomes_of(kept, BASELINE, scoring_of(metric), len(usable_cores()), groups=groups)
    rows = np.concatenate(list(_rows(share.sizes, drawn)))
    return Rerun(
        metric=metric,
        batch=batch,
        facts=share.facts(),
        classes=classes_of(metric, share.labels).get(CLASSES),
        hangs_on=effective_rows_of(metric, kept[BASELINE], groups),
        groups=groups,
        rows=rows,
        drawn=np.isin(rows, drawn.rows),
        outcomes={
            label: one.replicates if metric.decomposable else _whole(*vars(one).values())
            for label, one in outcomes.items()
        },
    )


@dataclass(frozen=True)
class _Drawn:
    """Rows that were drawn, and the batches they stand in; a shard whose batches nobody could foresee."""

    rows: list[int]
    chosen: frozenset[int]
    count: int = 1

    def has(self, batch: int) -> bool:
        return batch in self.chosen


def _whole(value: float | None, replicates: np.ndarray) -> np.ndarray:
    """Put a metric of all rows before what it is on resamples."""
    return np.append(np.nan if value is None else value, replicates)


def _check_weights(engine: Engine, path: Path) -> None:
    """A model's digest covers its files; what else it would load could be anything."""
    if other := {file for file in engine.source_files(path) if file.is_file()} - set(model_files(path)):
        raise DataError(
            f"recheck: the model keeps weights in {sorted(other)[0].name}, which its digest says nothing about"
        )


def _draw(data: Data, batch: int, wanted: int, metric: Metric) -> _Drawn:
    """Draw rows, not batches: the job chooses their size, and could put all that it makes up into a large one."""
    there = data.batches("validation", 1) or 0
    if wanted < there and not metric.decomposable:
        raise DataError(
            f"recheck: {metric.name} is about all {there} rows together, not about {wanted}; raise recheck"
        )
    rows = SystemRandom().sample(range(there), min(wanted, there))
    return _Drawn(rows, frozenset(row // batch for row in rows))


def _rows(sizes: list[int], drawn: _Drawn) -> Iterator[np.ndarray]:
    start = 0
    for batch, size in enumerate(sizes):
        if drawn.has(batch):
            yield np.arange(start, start + size)
        start += size
