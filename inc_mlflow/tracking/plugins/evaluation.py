"""The evaluator for ``mlflow.models.evaluate``: rows in memory, one input, metrics by name.

Jobs stream rows and take models with several inputs.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field, ValidationError, field_validator

from inc_mlflow.arrays import Arrays
from inc_mlflow.datasets.conform import conform
from inc_mlflow.engines.engine import LoadedModel
from inc_mlflow.errors import DataError, ModelError, SpecError
from inc_mlflow.measure.stats.outcomes import Outcomes, Scoring, evaluate_rows, outcomes_of
from inc_mlflow.measure.stats.paired import Pair, accuracy, relative_drop
from inc_mlflow.metrics.metric import Metric
from inc_mlflow.metrics.resolve import resolve
from inc_mlflow.records import BASELINE, Interval, TensorSpec
from inc_mlflow.spec import MetricSpec
from inc_mlflow.spec.spec_model import SpecModel, spec_error
from inc_mlflow.tracking.flavors.mlflow_session import EVALUATOR, baseline_of, loaded_by_mlflow

if TYPE_CHECKING:
    from mlflow.data.evaluation_dataset import EvaluationDataset
    from mlflow.pyfunc import PyFuncModel

LARGEST = 1 << 30
"""Largest size of all rows in bytes; MLflow keeps, hashes and copies them."""
_CANDIDATE = "candidate"


class EvaluatorConfig(SpecModel):
    """MLflow's ``evaluator_config`` for us."""

    metric: MetricSpec
    shape: Annotated[tuple[int, ...] | None, Field(strict=False)] = None
    """Shape of one row of the model's input, since MLflow takes rows as a table with two axes."""
    baseline: str | None = None
    """Model to compare with: an ``.onnx`` file, or any model URI that MLflow loads."""
    max_relative_drop: Annotated[float, Field(ge=0, lt=1)] = 0.01
    """Drop at which the bounds are exact; MLflow applies the threshold itself."""
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    batch: Annotated[int, Field(ge=1)] = 1

    @field_validator("metric", mode="before")
    @classmethod
    def _metric_by_name(cls, value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    @field_validator("metric")
    @classmethod
    def _named(cls, metric: MetricSpec) -> MetricSpec:
        if metric.function is not None:
            raise ValueError("callables are for jobs; name a metric of `inc-mlflow list metrics`")
        return metric


def evaluate(
    model: "PyFuncModel | None",
    dataset: "EvaluationDataset",
    config: dict[str, Any],
    unsupported: dict[str, Any],
) -> dict[str, float]:
    """Return accuracy, and with a baseline the relative drop, each with one-sided bounds, all finite.

    ``unsupported`` are further arguments of MLflow, which must be empty. Raises SpecError for wrong
    arguments, DataError for rows, ModelError for models that do not fit, HardwareError for another provider.
    """
    if asked := sorted(name for name, value in unsupported.items() if value):
        raise SpecError(f"{EVALUATOR}: takes no {', '.join(asked)}; leave them out, or to another evaluator")
    settings = _settings(config)
    evaluated = loaded_by_mlflow(model, "the model")
    inputs, labels = _rows(dataset, settings.shape, evaluated.inputs)
    runners: dict[str, LoadedModel] = {_CANDIDATE: evaluated.loaded}
    if settings.baseline is not None:
        runners = {BASELINE: baseline_of(settings.baseline, evaluated).loaded, **runners}
    metric = resolve(settings.metric, Path.cwd(), list(runners[_CANDIDATE].outputs))
    metric.check_labels(labels)
    outcomes = _outcomes(runners, metric, _batches(inputs, labels, settings.batch))
    return _numbers(outcomes, metric, len(next(iter(inputs.values()))), settings)


def _settings(config: dict[str, Any]) -> EvaluatorConfig:
    try:
        return EvaluatorConfig.model_validate(config)
    except ValidationError as error:
        raise SpecError(f"evaluator_config: {spec_error(error)}") from error


def _rows(
    dataset: "EvaluationDataset", shape: tuple[int, ...] | None, specs: tuple[TensorSpec, ...]
) -> tuple[Arrays, np.ndarray | None]:
    if len(specs) != 1:
        raise ModelError(
            f"{EVALUATOR}: the model takes the inputs {', '.join(one.name for one in specs)}, only one fits; "
            "use a job"
        )
    table = np.asarray(dataset.features_data)
    if table.nbytes > LARGEST:
        raise DataError(
            f"{EVALUATOR}: rows are {table.nbytes >> 20} MiB, {LARGEST >> 20} fit; "
            "`inc-mlflow evaluate` streams them"
        )
    inputs = conform({specs[0].name: _shaped(table, shape, specs[0].shape)}, specs, EVALUATOR)
    labels = dataset.labels_data if dataset.has_targets else None
    return inputs, None if labels is None else np.asarray(labels)


def _shaped(
    table: np.ndarray, shape: tuple[int, ...] | None, taken: tuple[int | str | None, ...] | None
) -> np.ndarray:
    if shape is None and taken is not None and len(taken) != table.ndim:
        raise SpecError(
            f"evaluator_config.shape: rows of {table.shape[1:]} do not fit the model's input {taken}; "
            "give a row's shape"
        )
    if shape is None:
        return table
    if np.prod(shape) != table[0].size:
        raise SpecError(f"evaluator_config.shape: {shape} has not the {table[0].size} numbers of a row")
    return table.reshape(-1, *shape)


def _batches(
    inputs: Arrays, labels: np.ndarray | None, size: int
) -> Iterator[tuple[Arrays, np.ndarray | None]]:
    for start in range(0, len(next(iter(inputs.values()))), size):
        part = slice(start, start + size)
        yield {name: array[part] for name, array in inputs.items()}, None if labels is None else labels[part]


def _outcomes(
    runners: dict[str, LoadedModel], metric: Metric, rows: Iterator[tuple[Arrays, np.ndarray | None]]
) -> dict[str, Outcomes]:
    reference = next(iter(runners))
    scoring = Scoring(metric.keep, metric.score, metric.decomposable, metric.group, metric.missing)
    found = outcomes_of(
        evaluate_rows(runners, reference, rows, scoring, workers=1), reference, scoring, workers=1
    )
    for label, one in found.items():
        if not (np.isfinite(one.value) and np.isfinite(one.replicates).all()):
            raise DataError(
                f"{EVALUATOR}: the {label}'s {metric.name} is NaN or infinity; look at its outputs"
            )
    return found


def _numbers(
    outcomes: dict[str, Outcomes], metric: Metric, rows: int, settings: EvaluatorConfig
) -> dict[str, float]:
    mine = outcomes[_CANDIDATE]
    intervals = {
        "accuracy": accuracy(mine, metric.decomposable, settings.confidence, metric.score_range, rows=rows)
    }
    if BASELINE in outcomes:
        pair = Pair(
            outcomes[BASELINE], mine, metric.decomposable, metric.higher_is_better, rows, metric.score_range
        )
        intervals["relative_drop"] = relative_drop(pair, settings.max_relative_drop)(settings.confidence)
    return {key: value for name, one in intervals.items() for key, value in _spread(name, one).items()} | {
        "rows": float(rows)
    }


def _spread(name: str, interval: Interval) -> dict[str, float]:
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
