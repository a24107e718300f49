"""From the job's metric to one that can be computed."""

from pathlib import Path
from typing import Any

import numpy as np

from inc_mlflow.callables import load_callable, source_file, user_code
from inc_mlflow.errors import CallableError, DataError
from inc_mlflow.metrics import METRICS
from inc_mlflow.metrics.metric import Metric, NamedMetric, Outputs
from inc_mlflow.registry import did_you_mean
from inc_mlflow.spec import MetricSpec


def resolve(spec: MetricSpec, root: Path, outputs: list[str]) -> Metric:
    """Return the job's metric on a model with these ``outputs``."""
    if spec.function is not None:
        return _from_callable(spec, spec.function, root)
    named = METRICS.get(spec.name or "")
    return _from_table(named, _output(spec, outputs))


def _output(spec: MetricSpec, outputs: list[str]) -> str:
    if spec.output is not None and spec.output not in outputs:
        raise DataError(
            f"metric.output: the model has no output {spec.output!r}{did_you_mean(spec.output, outputs)}; "
            f"it has {', '.join(outputs)}"
        )
    return spec.output or outputs[0]


def _from_table(named: NamedMetric, output: str) -> Metric:
    def keep(outputs: Outputs) -> Outputs:
        if output not in outputs:
            raise DataError(f"metric: a model has no output {output!r}; it has {', '.join(outputs)}")
        return {output: named.keep(outputs[output])}

    def score(kept: Outputs, labels: np.ndarray | None, _: Outputs) -> np.ndarray | float:
        if labels is None:
            raise DataError(f"metric: {named.name} needs labels; add them to the split, or use a metric callable")
        if labels.shape != (len(kept[output]),):
            raise DataError(f"metric: {named.name} takes one label per row, got labels of shape {labels.shape}")
        return named.score(kept[output], labels)

    return Metric(
        name=named.name,
        keep=keep,
        score=score,
        decomposable=named.decomposable,
        higher_is_better=named.higher_is_better,
        binary=named.binary,
        needs_labels=True,
    )


def _from_callable(spec: MetricSpec, reference: str, root: Path) -> Metric:
    function = load_callable(reference, root, "metric.callable")
    file, decomposable = source_file(reference, root), spec.decomposable is not False

    def score(kept: Outputs, labels: np.ndarray | None, baseline: Outputs) -> np.ndarray | float:
        with user_code(file, "metric.callable"):
            value = function(kept, labels, baseline)
        rows = len(next(iter(kept.values())))
        return _scores(value, rows) if decomposable else _number(value)

    return Metric(
        name=reference.rpartition(":")[2],
        keep=lambda outputs: outputs,
        score=score,
        decomposable=decomposable,
        higher_is_better=spec.higher_is_better is not False,
        binary=False,
        needs_labels=False,
    )


def _scores(value: Any, rows: int) -> np.ndarray:
    scores = _floats(value, "one score per sample")
    if scores.shape != (rows,):
        raise CallableError(
            f"metric.callable: gave shape {scores.shape} for {rows} rows; return one score per sample, ({rows},)"
        )
    return scores


def _number(value: Any) -> float:
    number = _floats(value, "one number for the whole split")
    if number.ndim != 0:
        raise CallableError("metric.callable: decomposable is false, so it returns one number for the whole split")
    return float(number)


def _floats(value: Any, expected: str) -> np.ndarray:
    try:
        if value is None:
            raise TypeError("no value")
        return np.asarray(value, np.float64)
    except (TypeError, ValueError) as error:
        raise CallableError(f"metric.callable: gave {type(value).__name__} ({error}); return {expected}") from error
