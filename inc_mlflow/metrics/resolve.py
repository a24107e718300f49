"""The metric of a job, ready to be computed on the outputs of a model."""

from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from pydantic import ValidationError

from inc_mlflow.arrays import Arrays
from inc_mlflow.callables import load_callable, source_file, user_code
from inc_mlflow.errors import CallableError, DataError, SpecError
from inc_mlflow.metrics.field import errors_of_field
from inc_mlflow.metrics.metric import Metric, NamedMetric
from inc_mlflow.metrics.postprocess.postprocess import Postprocess
from inc_mlflow.records import MetricFacts, ScoreRange
from inc_mlflow.records.measurements import FurtherMetric
from inc_mlflow.registry import Registry, did_you_mean
from inc_mlflow.registry.metrics import METRICS
from inc_mlflow.registry.postprocess import POSTPROCESS
from inc_mlflow.spec import JobMetric, JobSpec, MetricSpec
from inc_mlflow.spec.spec_model import spec_error

LABELS = ""
"""Name under which the labels of a callable are kept with its outputs; no output has that name."""
_Options = TypeVar("_Options", NamedMetric, Postprocess)


def resolve_metrics(job: JobSpec, root: Path, outputs: list[str]) -> tuple[Metric, ...]:
    """Return the job's metrics on a model with these ``outputs``, in their order.

    Raises what ``resolve`` does, with the metric's field.
    """
    return tuple(_resolved(field, spec, root, outputs) for field, spec in job.all_metrics.items())


def _resolved(field: str, spec: MetricSpec, root: Path, outputs: list[str]) -> Metric:
    metric = errors_of_field(field, resolve)(spec, root, outputs)
    return replace(
        metric,
        keep=errors_of_field(field, metric.keep),
        score=errors_of_field(field, metric.score),
        check_labels=errors_of_field(field, metric.check_labels),
    )


def resolve(spec: MetricSpec, root: Path, outputs: list[str]) -> Metric:
    """Return the job's metric on a model with these ``outputs``.

    Raises SpecError for a wrong field, DataError for an output that the model does not have, CallableError
    for a function that cannot be loaded, MissingExtraError for a missing package.
    """
    if spec.function is not None:
        return _from_callable(spec, spec.function, root)
    name = spec.name or ""
    metric = _configured(METRICS, name, spec.options, root, "metric.options")
    after = _postprocess(spec, root, name, metric)
    sources = _sources(spec, (after or metric).reads, outputs)
    return _from_table(name, spec.called, metric, after, sources)


def _configured(
    table: Registry[type[_Options]], name: str, options: dict[str, Any], root: Path, where: str
) -> _Options:
    """Return an entry's target with its options.

    Raises SpecError where an option is wrong, UnknownNameError, and MissingExtraError where a package is
    missing: the target would import it only after all the work.
    """
    kind = table.get(name)
    table.check_packages(name)
    try:
        return kind.model_validate(options, context={"root": root})
    except ValidationError as error:
        raise SpecError(f"{where}.{spec_error(error)}") from error


def _postprocess(spec: MetricSpec, root: Path, name: str, metric: NamedMetric) -> Postprocess | None:
    if spec.postprocess is None:
        return None
    after, options = (
        spec.postprocess["name"],
        {key: value for key, value in spec.postprocess.items() if key != "name"},
    )
    found = _configured(POSTPROCESS, after, options, root, "metric.postprocess")
    if missing := set(metric.reads) - set(found.gives):
        raise SpecError(
            f"metric.postprocess: {after} gives {', '.join(found.gives)}, "
            f"{name} also reads {', '.join(sorted(missing))}; see `inc-mlflow list postprocess`"
        )
    return found


def _sources(spec: MetricSpec, roles: tuple[str, ...], outputs: list[str]) -> dict[str, str]:
    """Return role -> graph output: as the job says, else those with the roles' names, else the only one."""
    given = dict(spec.outputs)
    if spec.output is not None:
        if len(roles) > 1:
            raise SpecError(f"metric.output: the metric reads several; give outputs: {{{_example(roles)}}}")
        given = {roles[0]: spec.output}
    for role, output in given.items():
        where = "metric.output" if spec.output is not None else f"metric.outputs.{role}"
        if role not in roles:
            raise SpecError(
                f"{where}: no role {role!r}{did_you_mean(role, list(roles))}; there are {', '.join(roles)}"
            )
        if output not in outputs:
            raise DataError(
                f"{where}: the model has no output {output!r}{did_you_mean(output, outputs)}; "
                f"it has {', '.join(outputs)}"
            )
    return {role: given.get(role) or _default(role, roles, outputs) for role in roles}


def _default(role: str, roles: tuple[str, ...], outputs: list[str]) -> str:
    if role in outputs:
        return role
    if len(roles) == len(outputs) == 1:
        return outputs[0]
    field = "output: <output>" if len(roles) == 1 else f"outputs: {{{_example(roles)}}}"
    raise SpecError(
        f"metric: no output of the model is called {role!r}; it has {', '.join(outputs)}; set {field}"
    )


def _example(roles: tuple[str, ...]) -> str:
    return ", ".join(f"{role}: <output>" for role in roles)


def _from_table(
    name: str, called: str, named: NamedMetric, after: Postprocess | None, sources: dict[str, str]
) -> Metric:
    kinds = [kind for kind in (named.labels, after.labels if after else None) if kind is not None]

    def check_labels(labels: np.ndarray | None) -> None:
        for kind in kinds:
            kind.check(name, labels)
            kind.read(np.asarray(labels))

    def keep(outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        for kind in kinds:
            kind.check(name, labels)
        picked = {role: _picked(outputs, output, labels) for role, output in sources.items()}
        return named.statistics(after(picked, labels) if after else picked, labels)

    return Metric(
        name=called,
        keep=keep,
        group=named.group,
        score=named.score,
        decomposable=named.decomposable,
        higher_is_better=named.higher_is_better,
        score_range=named.score_range,
        binary=named.binary,
        row_weights=named.row_weights,
        missing=named.missing,
        foresees=named.foresees,
        check_labels=check_labels,
    )


def _picked(outputs: Arrays, name: str, labels: np.ndarray | None) -> np.ndarray:
    if name not in outputs:
        raise DataError(f"metric: a model has no output {name!r}; it has {', '.join(outputs)}")
    rows = outputs[name].shape[:1]
    if labels is not None and rows != labels.shape[:1]:
        raise DataError(
            f"metric: output {name!r} has shape {outputs[name].shape} for {len(labels)} labels; "
            "its first axis is rows, or data: {axes: {<output>: 1}} says which one is"
        )
    return outputs[name]


def _from_callable(spec: MetricSpec, reference: str, root: Path) -> Metric:
    function = load_callable(reference, root, "metric.callable")
    file, decomposable = source_file(reference, root), spec.decomposable is not False

    def keep(outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        return outputs if labels is None else outputs | {LABELS: labels}

    def score(kept: Arrays, baseline: Arrays) -> np.ndarray | float:
        outputs, reference = (
            {name: array for name, array in one.items() if name != LABELS} for one in (kept, baseline)
        )
        with user_code(file, "metric.callable"):
            value = function(outputs, kept.get(LABELS), reference)
        found = _scores(value) if decomposable else _number(value)
        _check_range(found, score_range(spec))
        return found

    return Metric(
        name=spec.called,
        keep=keep,
        group=lambda kept: kept,
        score=score,
        decomposable=decomposable,
        higher_is_better=spec.higher_is_better is not False,
        score_range=score_range(spec),
        binary=False,
        row_weights=None,
        missing=None,
        foresees=False,
        check_labels=lambda labels: None,
    )


def score_range(spec: MetricSpec) -> ScoreRange:
    """Return the least and the largest score of a job's metric.

    None where it is a callable that declares no such end.
    """
    return METRICS.get(spec.name).score_range if spec.name is not None else spec.score_range or (None, None)


def metric_facts(spec: MetricSpec) -> MetricFacts:
    """Return what a job's metric is called, and its direction; no code of the user is run."""
    named = METRICS.get(spec.name) if spec.name is not None else None
    higher_is_better = named.higher_is_better if named else spec.higher_is_better is not False
    informative = isinstance(spec, JobMetric) and spec.informative
    return MetricFacts(name=spec.called, higher_is_better=higher_is_better, informative=informative)


def further_metrics(job: JobSpec) -> dict[str, FurtherMetric]:
    """Return what records say of the job's metrics after the first, by name."""
    return {
        metric.called: FurtherMetric(
            higher_is_better=metric_facts(metric).higher_is_better,
            decomposable=_decomposable(metric),
            score_range=score_range(metric),
            max_relative_drop=metric.max_relative_drop,
            max_absolute_drop=metric.max_absolute_drop,
            informative=metric.informative,
        )
        for metric in (job.metrics or ())[1:]
    }


def _decomposable(spec: MetricSpec) -> bool:
    return METRICS.get(spec.name).decomposable if spec.name is not None else spec.decomposable is not False


def _check_range(scores: np.ndarray | float, between: ScoreRange) -> None:
    low, high = between
    least, most = float(np.min(scores)), float(np.max(scores))
    if (low is not None and least < low) or (high is not None and most > high):
        raise CallableError(
            f"metric.callable: gave scores from {least:.6g} to {most:.6g}, its range is {list(between)}; "
            "correct metric.range"
        )


def _scores(value: Any) -> np.ndarray:
    """Return scores, shape (rows,); whoever has the inputs counts them, an output may have other axes."""
    scores = _floats(value, "one score per sample")
    if scores.ndim != 1:
        raise CallableError(
            f"metric.callable: gave shape {scores.shape}; return one score per sample, (samples,)"
        )
    return scores


def _number(value: Any) -> float:
    number = _floats(value, "one number for the whole split")
    if number.ndim != 0:
        raise CallableError(
            "metric.callable: decomposable is false, so it returns one number for the whole split"
        )
    return float(number)


def _floats(value: Any, expected: str) -> np.ndarray:
    try:
        if value is None:
            raise TypeError("no value")
        return np.asarray(value, np.float64)
    except (TypeError, ValueError) as error:
        raise CallableError(
            f"metric.callable: gave {type(value).__name__} ({error}); return {expected}"
        ) from error
