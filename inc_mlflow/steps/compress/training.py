"""What a method that trains gets from a job: rows, loss, and the score of a model on tuning rows."""

import shutil
from collections.abc import Callable, Iterator
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.callables import load_callable, source_file, user_code
from inc_mlflow.engines.engine import LoadedModel, RunSettings
from inc_mlflow.engines.trainable import TRAINING_FACTS, TrainingData, TuningOutcome
from inc_mlflow.errors import ModelError
from inc_mlflow.measure.stats.outcomes import join_batches
from inc_mlflow.metrics.metric import Metric
from inc_mlflow.metrics.resolve import resolve_metrics
from inc_mlflow.records.training import TrainingFacts
from inc_mlflow.sources.stage import StageData
from inc_mlflow.spec import Job, SourceSpec
from inc_mlflow.steps.baselines import Baseline
from inc_mlflow.steps.data import open_data, open_rows

_TRAINING = "training"
_FIELD = "training.loss"


def training_data(
    job: Job, baseline: Baseline, folder: Path | None = None, tuning_rows: int | None = None
) -> TrainingData:
    """Return the training rows without those of validation, and how a candidate is scored.

    Checkpoints are in ``folder``; without one a training that is killed begins again. ``tuning_rows`` says
    how many rows score an epoch at most. Raises CallableError where the user's loss cannot be loaded.
    """
    _, axes = open_rows(job)
    return TrainingData(
        rows=partial(_rows, job),
        fixed_batch=axes.rows_at_a_time(baseline.engine.interface(baseline.path).inputs),
        rows_first=axes.first_everywhere,
        spec=job.spec.training,
        loss=_loss(job),
        output=_read_output(job),
        score=TuningScores(job, baseline, tuning_rows),
        state=folder,
    )


def stage_data(job: Job, baseline: Baseline, source: SourceSpec, folder: Path) -> StageData:
    """Return what a stage of a chain gets; it changes ``source``, and keeps its checkpoints in ``folder``.

    Raises ModelError where rows are not the first axis everywhere, CallableError as ``training_data``.
    """
    if not isinstance(job.spec.model, SourceSpec):
        raise TypeError("train: the job's model is no framework's")
    _, axes = open_rows(job)
    scores = cache(lambda: TuningScores(job, baseline))  # of processes that share a training one scores
    if not axes.first_everywhere:
        raise ModelError("train: rows must be the first axis of all inputs and outputs to train")
    return StageData(
        source=source,
        dense=job.spec.model,
        root=job.root,
        rows=partial(_rows, job),
        fixed_batch=axes.rows_at_a_time(baseline.engine.interface(baseline.path).inputs),
        spec=job.spec.training,
        loss=_loss(job),
        output=_read_output(job),
        score=lambda model: scores().of(model),
        state=folder,
    )


def _rows(job: Job) -> Iterator[tuple[Arrays, np.ndarray | None]]:
    """Yield the training rows without those of validation."""
    return ((inputs, labels) for inputs, labels, _ in open_data(job).rows(_TRAINING, size=_READ))


_READ = 256
"""Rows that are read at a time."""
_HELD = 2**28
"""Bytes of the baseline's outputs that are held to compare others with."""


def training_facts(candidate: Path) -> TrainingFacts | None:
    """Return how a candidate was trained; None where it was not."""
    file = candidate.parent / TRAINING_FACTS
    return TrainingFacts.model_validate_json(file.read_text()) if file.exists() else None


def copy_training_facts(folder: Path, target: Path) -> None:
    """Copy what a folder says of the training of its model, if it says anything."""
    if (folder / TRAINING_FACTS).exists():
        shutil.copyfile(folder / TRAINING_FACTS, target / TRAINING_FACTS)


def _read_output(job: Job) -> str | None:
    """Return the output that the first metric reads, where the job names it."""
    metric = next(iter(job.spec.all_metrics.values()))
    return metric.output or next(iter(metric.outputs.values()), None)


def _loss(job: Job) -> Callable[..., Any] | None:
    """Return the user's loss, whose errors name file and line."""
    reference = job.spec.training.callable_loss
    if reference is None:
        return None
    function, file = load_callable(reference, job.root, _FIELD), source_file(reference, job.root)

    def loss(*given: object) -> Any:
        with user_code(file, _FIELD):
            return function(*given)

    return loss


class TuningScores:
    """Scores models on tuning rows by the job's first metric; the baseline's outputs are reduced once.

    ``limit`` is how many rows are used at most; None for all.
    """

    def __init__(self, job: Job, baseline: Baseline, limit: int | None = None) -> None:
        self._job, self._engine = job, baseline.engine
        self._batches = None if limit is None else max(1, limit // job.layout.batch)
        model = self._engine.load(baseline.path, RunSettings())
        self._metric: Metric = resolve_metrics(job.spec, job.root, list(model.outputs))[0]
        self._outputs: list[Arrays] = []
        """The baseline's, of the first batches."""
        self._reference, _ = self._run(model)

    def __call__(self, model: Path) -> TuningOutcome:
        """Return scores and distances of a model; raise ModelError where it does not run."""
        return self.of(self._engine.load(model, RunSettings()))

    def of(self, model: LoadedModel) -> TuningOutcome:
        """Return scores and distances of a loaded model."""
        kept, distances = self._run(model)
        if self._metric.decomposable:
            pairs = zip(kept, self._reference, strict=True)
            scores = np.concatenate([np.atleast_1d(self._metric.score(*pair)) for pair in pairs])
        else:
            whole, reference = (self._metric.group(join_batches(part)) for part in (kept, self._reference))
            scores = np.atleast_1d(self._metric.score(whole, reference))
        sign = 1 if self._metric.higher_is_better else -1
        return TuningOutcome(scores.astype(np.float64) * sign, np.array(distances))

    def _run(self, model: LoadedModel) -> tuple[list[Arrays], list[float]]:
        """Return what the metric keeps of each batch, and the distance of each of the first rows."""
        kept: list[Arrays] = []
        distances: list[float] = []
        first = not self._outputs
        held = 0
        rows = open_data(self._job).rows("tuning", self._job.layout.batch)
        for inputs, labels, _ in islice(rows, self._batches):
            outputs = model(inputs)
            if first and held <= _HELD:
                self._outputs.append(outputs)
                held += sum(array.nbytes for array in outputs.values())
            if not first and len(kept) < len(self._outputs):
                distances += row_distances(self._outputs[len(kept)], outputs)
            kept.append(self._metric.keep(outputs, labels))
        return kept, distances


def row_distances(true: Arrays, found: Arrays) -> list[float]:
    """Return of each row the root mean square error, relative to the baseline's, mean over float outputs.

    Outputs whose shapes differ, or that are no floats, say nothing; without any others there are no rows.
    """
    parts = []
    for name, values in true.items():
        if values.dtype.kind == "f" and values.ndim and np.shape(found[name]) == values.shape:
            exact = values.reshape(len(values), -1).astype(np.float64)
            error = np.sqrt(np.mean(np.square(found[name].reshape(exact.shape) - exact), axis=1))
            size = np.sqrt(np.mean(np.square(exact), axis=1))
            parts.append(error / np.maximum(size, np.finfo(np.float32).tiny))
    return list(np.mean(parts, axis=0)) if parts else []
