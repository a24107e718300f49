"""Run some validation rows again, drawn so that nobody could foresee which."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from secrets import SystemRandom

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.datasets.separate import Data
from inc_mlflow.datasets.share import Share
from inc_mlflow.engines.engine import Engine, LoadedModel, RunSettings
from inc_mlflow.engines.find_row_axes import row_axes_of
from inc_mlflow.errors import DataError, ModelError
from inc_mlflow.files import model_files
from inc_mlflow.hardware.probe import usable_cores
from inc_mlflow.measure.gate.measured import Measured
from inc_mlflow.measure.stats.constant_answer import TRIED, constant_answer, first_answers, plain_outcomes
from inc_mlflow.measure.stats.outcomes import OPTIONAL, evaluate_metrics, outcomes_of
from inc_mlflow.measure.stats.scoring import (
    check_outputs,
    classes_of,
    effective_rows_of,
    scoring_of,
    scorings_of,
)
from inc_mlflow.metrics.metric import Metric
from inc_mlflow.metrics.resolve import resolve_metrics
from inc_mlflow.records import BASELINE, SplitFacts
from inc_mlflow.records.measurements import CLASSES
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.spec import JobSpec, Layout, gates_of


@dataclass(frozen=True)
class RerunRows:
    """Outcomes of the models on this machine, on the batches that hold the rows that were drawn."""

    metric: Metric
    batch: int
    facts: SplitFacts
    classes: np.ndarray | None
    groups: np.ndarray | None
    """``facts``, ``classes`` and ``groups`` are of the whole split, the arrays of shape (rows,)."""
    hangs_on: float | None
    """As in an ``EvaluationRecord``."""
    rows: np.ndarray
    """Positions in the whole split of all rows that were run."""
    drawn: np.ndarray
    """Of each row in ``rows`` whether it was drawn; the others only stand in a batch with one that was."""
    outcomes: dict[str, np.ndarray]
    """By label, one score for each of ``rows``; where the metric does not decompose, its value and then its
    values on the resamples."""
    constant: np.ndarray | None
    """The same of the constant answer, without resamples; None where the metric takes no such answer."""
    further: tuple["RerunRows", ...] = ()
    """The same by the other metrics of the job that are judged."""

    @property
    def by_metric(self) -> tuple["RerunRows", ...]:
        """The rows by each metric that is judged, the first one's first."""
        return self, *self.further

    def claimed(self, measured: Measured, label: str) -> np.ndarray:
        """Return the outcomes that the evidence claims, in the shape of ``outcomes[label]``.

        Raises DataError where they have another shape.
        """
        value, outcomes = measured.evaluation.results[label].value, measured.outcomes[label]
        claims = outcomes[self.rows] if self.metric.decomposable else _value_and_resamples(value, outcomes)
        if claims.shape != self.outcomes[label].shape:
            raise DataError(
                f"recheck: the outcomes of {label} are not as many as the metric has; "
                "the evidence was made up"
            )
        return claims

    def claimed_constant(self, measured: Measured) -> np.ndarray | None:
        """Return what the evidence claims of the constant answer, in the shape of ``constant``."""
        claims = measured.constant
        return claims[self.rows] if claims is not None and self.metric.decomposable else claims

    def sample(self, outcomes: np.ndarray) -> np.ndarray:
        """Return the outcomes of drawn rows alone, which are independent.

        Where the metric does not decompose, all are returned.
        """
        return outcomes[self.drawn] if self.metric.decomposable else outcomes


def rerun_rows(
    job: JobSpec,
    models: Mapping[str, Path],
    engines: Mapping[str, str],
    wanted: int,
    unclaimed: Collection[str] = (),
) -> RerunRows:
    """Run model files by label on ``wanted`` drawn rows of the validation split, or on all.

    The baseline is among the labels; ``engines`` says by label what runs each. The models run on the CPU, in
    the whole batches that hold those rows. Of ``unclaimed`` models no outcomes are claimed: one of them that
    cannot be loaded or called here is left out. Raises DataError where a model keeps weights in other files,
    or the metric needs all rows; ModelError where a model cannot be run.
    """
    running = {label: ENGINES.get(engines[label]) for label in models}
    for label, path in models.items():
        _check_weights(running[label], path)
    interface = running[BASELINE].interface(models[BASELINE])
    axes = row_axes_of(interface, job.data.axes)
    settings = RunSettings(axes=axes)  # a candidate cannot say that its rows are elsewhere
    data = Data(job.data, Path(), axes.specs(interface.inputs))
    batch = Layout.parse(job.benchmark.layout).batch
    trial = next((inputs for inputs, *_ in data.rows("validation", batch)), None)
    loaded = {
        label: _loaded(label, running[label], path, settings, trial, label in unclaimed)
        for label, path in models.items()
    }
    runners = {label: one for label, one in loaded.items() if one is not None}
    check_outputs(runners)
    metrics = _judged(job, list(runners[BASELINE].outputs))
    drawn = _draw(data, batch, wanted, metrics)
    share = Share(data, "validation", batch, drawn)
    scorings, given = scorings_of(metrics), first_answers(runners[BASELINE], data.drawn("validation", TRIED))
    constants = {
        one.name: constant_answer(given, scorings[one.name], one.higher_is_better) for one in metrics
    }
    batches = share.batches("recheck")
    kept = evaluate_metrics(runners, BASELINE, batches, scorings, len(usable_cores()), constants)
    groups = data.groups("validation")
    rows = np.concatenate(list(_rows(share.sizes, drawn)))
    first, *further = [
        RerunRows(
            metric=metric,
            batch=batch,
            facts=share.facts(),
            classes=classes_of(metric, share.labels).get(CLASSES) if metric is metrics[0] else None,
            hangs_on=effective_rows_of(metric, kept[metric.name][BASELINE], groups),
            groups=groups,
            rows=rows,
            drawn=np.isin(rows, drawn.rows),
            outcomes=_outcomes(metric, kept[metric.name], groups),
            constant=_constant(metric, kept[metric.name]),
        )
        for metric in metrics
    ]
    return replace(first, further=tuple(further))


def _loaded(
    label: str, engine: Engine, path: Path, settings: RunSettings, trial: Arrays | None, spared: bool
) -> LoadedModel | None:
    """Load a model and call it once, as an evaluation does; None where that fails and it is spared.

    Else ModelError names the model and what to do: what it claims cannot be checked on this machine.
    """
    try:
        loaded = engine.load(path, settings)
        if trial is not None:
            loaded(trial)
    except ModelError as error:
        if spared:
            return None
        why = str(error).removeprefix(f"{path}: ")
        raise ModelError(
            f"{label} cannot be run on the gate's machine ({why}), so what it claims cannot be checked; "
            "judge it by a gate on a machine that runs it"
        ) from error
    return loaded


def _judged(job: JobSpec, outputs: list[str]) -> list[Metric]:
    metrics = resolve_metrics(job, Path(), outputs)
    gates = gates_of(job.all_metrics.values(), job.gate)
    return [metric for metric, gate in zip(metrics, gates, strict=True) if gate is not None]


def _outcomes(metric: Metric, kept: Mapping[str, Arrays], groups: np.ndarray | None) -> dict[str, np.ndarray]:
    models = {label: one for label, one in kept.items() if label != OPTIONAL}
    outcomes = outcomes_of(models, BASELINE, scoring_of(metric), len(usable_cores()), groups=groups)
    return {
        label: one.replicates if metric.decomposable else _value_and_resamples(*vars(one).values())
        for label, one in outcomes.items()
    }


def _constant(metric: Metric, kept: Mapping[str, Arrays]) -> np.ndarray | None:
    found = plain_outcomes(kept.get(OPTIONAL), kept[BASELINE], scoring_of(metric))
    return None if found is None else found.replicates


@dataclass(frozen=True)
class _Drawn:
    """The drawn rows and their batches; ``Share`` takes it for a shard of these batches."""

    rows: list[int]
    chosen: frozenset[int]
    count: int = 1

    def has(self, batch: int) -> bool:
        return batch in self.chosen


def _value_and_resamples(value: float | None, replicates: np.ndarray) -> np.ndarray:
    """Return the value of a metric of all rows, followed by its values on resamples."""
    return np.append(np.nan if value is None else value, replicates)


def _check_weights(engine: Engine, path: Path) -> None:
    """Raise DataError where a model has weights in a file that its digest does not cover."""
    if path.is_dir():  # a digest covers all files of a folder
        return
    if other := {file for file in engine.source_files(path) if file.is_file()} - set(model_files(path)):
        raise DataError(
            f"recheck: the model keeps weights in {sorted(other)[0].name}, "
            "which its digest says nothing about"
        )


def _draw(data: Data, batch: int, wanted: int, metrics: Sequence[Metric]) -> _Drawn:
    """Draw rows, not batches: a job could put all forged rows into one large batch."""
    there = data.batches("validation", 1) or 0
    of_all = [metric.name for metric in metrics if not metric.decomposable]
    if wanted < there and of_all:
        raise DataError(
            f"recheck: {of_all[0]} is about all {there} rows together, not about {wanted}; raise recheck"
        )
    rows = SystemRandom().sample(range(there), min(wanted, there))
    return _Drawn(rows, frozenset(row // batch for row in rows))


def _rows(sizes: list[int], drawn: _Drawn) -> Iterator[np.ndarray]:
    start = 0
    for batch, size in enumerate(sizes):
        if drawn.has(batch):
            yield np.arange(start, start + size)
        start += size
