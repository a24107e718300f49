"""The job's data, checked against the inputs of its source model."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.callables import code_files, source_file
from inc_mlflow.datasets.separate import Data
from inc_mlflow.engines.engine import Interface, MethodData, Statistics
from inc_mlflow.engines.find_row_axes import row_axes_of
from inc_mlflow.engines.fixed_batch import check_memory
from inc_mlflow.engines.row_axes import RowAxes
from inc_mlflow.errors import DataError
from inc_mlflow.hardware.probe import usable_cores
from inc_mlflow.measure.stats.resample import draw_rows
from inc_mlflow.metrics.metric import Metric
from inc_mlflow.records import TensorSpec
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.spec import CallableSplit, Job


def open_data(job: Job) -> Data:
    """Return the job's splits; raise as ``open_rows``."""
    return open_rows(job)[0]


def open_rows(job: Job) -> tuple[Data, RowAxes]:
    """Return the job's splits, and where its models have the rows; the model's structure is read once.

    Raises DataError where the model cannot take the layout's batch, ModelError where it is not clear which
    axis counts rows.
    """
    interface = ENGINES.get(job.spec.engines[0]).interface(job.model)
    if not interface.inputs:
        raise DataError(f"{job.model}: the model has no inputs to feed")
    axes = _row_axes(job, interface)
    fixed, inputs = axes.rows_at_a_time(interface.inputs), axes.specs(interface.inputs)
    check_memory(job.model, fixed or 1, sum(map(_row_bytes, inputs)))
    if fixed is not None and job.layout.batch > fixed:
        fitting = replace(job.layout, batch=fixed)
        raise DataError(
            f"benchmark.layout: the model takes {fixed} rows at a time, not {job.layout.batch}; use {fitting}"
        )
    return Data(job.spec.data, job.root, inputs), axes


def _row_axes(job: Job, interface: Interface) -> RowAxes:
    if job.spec.data.axes and ENGINES.get(job.spec.engines[0]).parts is not None:
        raise DataError("data.axes: is for models of one graph; the function of several takes rows first")
    return row_axes_of(interface, job.spec.data.axes)


def _row_bytes(spec: TensorSpec) -> int:
    """Return the least size of a row in bytes; axes that the model leaves open count as 1."""
    return np.dtype(spec.dtype).itemsize * math.prod(
        axis for axis in (spec.shape or ())[1:] if isinstance(axis, int)
    )


def method_data(job: Job, statistics: Statistics | None) -> MethodData:
    """Return the job's calibration rows, with the statistics that were collected on them."""

    def rows() -> Iterable[Arrays]:
        return (inputs for inputs, *_ in open_data(job).rows("calibration"))

    return MethodData(rows, statistics, threads=len(usable_cores()))


class LabelCheck:
    """Refuses labels that a metric cannot use, in the splits on which it will be computed."""

    def __init__(self, job: Job, metrics: Sequence[Metric]) -> None:
        self._metrics = metrics
        self._foreseeing = [metric for metric in metrics if metric.foresees]
        chooses = job.spec.recipes == "auto" or any(recipe.trains for recipe in job.spec.listed)
        self._judged = {"validation"} | ({"tuning"} if chooses else set())
        self._seen: list[np.ndarray] = []

    def __call__(self, split: str, labels: np.ndarray | None) -> None:
        """Check the labels of a batch; raise DataError where a metric cannot use them."""
        if split not in self._judged:
            return
        with _of(split):
            for metric in self._metrics:
                metric.check_labels(labels)
        if split == "validation" and self._foreseeing:
            self._seen.append(np.asarray(labels))

    def finish(self) -> None:
        """Check all validation rows together, before any work.

        They are resampled later. Raises DataError where a class is too rare for that.
        """
        for metric in self._foreseeing if self._seen else ():
            with _of("validation"):
                draw_rows({"label": np.concatenate(self._seen)}, metric.missing)


@contextmanager
def _of(split: str) -> Iterator[None]:
    """Add the name of the split to a DataError."""
    try:
        yield
    except DataError as error:
        raise DataError(f"data.{split}: {error}") from error


def user_files(job: Job) -> list[Path]:
    """Return the files that results depend on beside model and data.

    These are the user's code, files in the metric's options, and models that recipes read, as a teacher.
    """
    references = [
        split.function for split in job.spec.data.splits().values() if isinstance(split, CallableSplit)
    ]
    metrics = job.spec.all_metrics.values()
    references += [metric.function for metric in metrics if metric.function]
    references += [job.spec.training.callable_loss] if job.spec.training.callable_loss else []
    options = [job.root / path for metric in metrics for path in metric.option_files().values()]
    models = [one for recipe in job.spec.listed for one in recipe.models.values()]
    options += [file for one in models for file in one.files(job.root)]
    return sorted(
        {file for one in references for file in code_files(source_file(one, job.root))}
        | {p.resolve() for p in options if p.is_file()}
    )
