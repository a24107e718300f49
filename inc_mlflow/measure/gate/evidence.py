"""Checks that what pools measured is about these models, the same rows and one kind of hardware."""

from collections.abc import Mapping

import numpy as np

from inc_mlflow.errors import DataError
from inc_mlflow.measure.gate.measured import Measured
from inc_mlflow.measure.stats.outcomes import Outcomes
from inc_mlflow.records import (
    BASELINE,
    SOURCE,
    BenchmarkRecord,
    EvaluationRecord,
    Model,
    is_baseline,
)
from inc_mlflow.spec import GateSpec, Layout

_ROUNDING = 1e-9
_FASTEST = 1e6
"""No model is that many times as fast as another."""
_LEAST_CONFIDENCE = 0.5


def check_evidence(
    models: list[Model], pools: Mapping[str, Measured], gate: GateSpec, alone: bool = False
) -> None:
    """Raise DataError where records are not about these models, rows and hardware, or are not credible.

    Where ``gate`` limits a share of the baseline's metric, that must not be 0. ``alone``: there may be no
    candidate beside the baseline.
    """
    labels = [model.label for model in models]
    candidates = [label for label in labels if not is_baseline(label)]
    if labels[:1] != [BASELINE] or not (candidates or alone) or len(set(labels)) < len(labels):
        raise DataError(
            "gate: judges the baseline and candidates of different names, "
            f"not {', '.join(labels) or 'nothing'}"
        )
    for pool, measured in pools.items():
        _check_subject(models, pool, measured)
        _check_place(pool, measured)
        _check_speed(pool, measured)
        for one in measured.by_metric:
            _check_numbers(pool, one)
            _check_outcomes(models, pool, one)
            if one.judged:
                _check_baseline(one.evaluation, one.limits(gate).max_relative_drop is not None)
    alike = len({_rows(measured.evaluation) for measured in pools.values()}) == 1
    if not alike or not _same_groups(list(pools.values())):
        raise DataError(
            "gate: not all pools were evaluated on the same rows by the same metric; evaluate again"
        )


def _rows(record: EvaluationRecord) -> tuple[object, ...]:
    metric = record.metric, record.higher_is_better, record.decomposable, record.score_range
    return record.evidence.data_sha256, *metric, record.group, *record.further.items()


def _same_groups(pools: list[Measured]) -> bool:
    given = [one.groups for one in pools if one.groups is not None]
    return not given or (len(given) == len(pools) and all(np.array_equal(one, given[0]) for one in given))


def _check_subject(models: list[Model], pool: str, measured: Measured) -> None:
    expected = {model.label: model.sha256 for model in models}
    for name, record in (("evaluation", measured.evaluation), ("benchmark", measured.benchmark)):
        if record is None:
            continue
        evidence = record.evidence
        if {label: digest for label, digest in evidence.models.items() if label != SOURCE} != expected:
            raise DataError(
                f"gate: the {name} on pool {pool!r} is about other models; measure these and judge again"
            )
        if evidence.pool != pool:
            raise DataError(
                f"gate: the {name} was made on pool {evidence.pool!r}, not {pool!r}; measure there"
            )
    if measured.evaluation.split != "validation":
        raise DataError(
            f"gate: pool {pool!r} was evaluated on {measured.evaluation.split}; "
            "validation judges, evaluate on it"
        )


def _check_place(pool: str, measured: Measured) -> None:
    """Refuse accuracy and speed that differ in kind of host, runtime, provider or batch size."""
    if measured.benchmark is None:
        return
    one, other = measured.evaluation.evidence.host, measured.benchmark.evidence.host
    if not one.same_hardware(other):
        raise DataError(
            f"gate: pool {pool!r} was evaluated on {one.cpu} and benchmarked on {other.cpu}; "
            "measure both on one kind of host"
        )
    if one.runtime != other.runtime:
        raise DataError(
            f"gate: pool {pool!r} was evaluated and benchmarked with other versions; "
            "measure both with one image"
        )
    providers = measured.evaluation.evidence.provider, measured.benchmark.evidence.provider
    if len(set(providers)) > 1:
        raise DataError(
            f"gate: pool {pool!r} was evaluated by {providers[0]} and benchmarked by {providers[1]}; use one"
        )
    batch = _batch(pool, measured.benchmark)
    if batch != measured.evaluation.batch:
        raise DataError(
            f"gate: pool {pool!r} was evaluated with batch {measured.evaluation.batch} "
            f"and benchmarked with {batch}; measure both with one layout"
        )


def _batch(pool: str, record: BenchmarkRecord) -> int:
    try:
        return Layout.parse(record.layout).batch
    except ValueError as error:
        raise DataError(f"gate: the layout of pool {pool!r}: {error}") from error


def _check_numbers(pool: str, measured: Measured) -> None:
    """Refuse what no measurement gives: integers, which wrap, and shapes that would broadcast."""
    if any(one.dtype != np.float64 or one.ndim != 1 for one in measured.outcomes.values()):
        raise DataError(f"gate: the outcomes on pool {pool!r} are not one number each; evaluate again")
    classes, rows = measured.classes, measured.evaluation.rows
    if classes is not None and (classes.dtype.kind not in "biu" or classes.shape != (rows,)):
        raise DataError(
            f"gate: the classes on pool {pool!r} are not one of each of {rows} rows; evaluate again"
        )
    _check_groups(pool, measured)
    if not _constant_agrees(measured):
        raise DataError(
            f"gate: the outcomes of a constant answer on pool {pool!r} are not those of its score; "
            "evaluate again"
        )


def _check_speed(pool: str, measured: Measured) -> None:
    if measured.benchmark is not None and not _credible(measured.benchmark):
        raise DataError(
            f"gate: the speed-ups on pool {pool!r} are no ratios with their bounds; benchmark again"
        )
    if measured.benchmark is not None and not _against_the_fastest(measured.benchmark):
        raise DataError(
            f"gate: the speed-ups on pool {pool!r} are not against its fastest baseline; benchmark again"
        )


def _check_groups(pool: str, measured: Measured) -> None:
    """Refuse groups that are not numbered from 0 without a gap, as ``evaluate`` numbers them."""
    groups, record = measured.groups, measured.evaluation
    if (groups is None) != (record.group is None):
        raise DataError(
            f"gate: the evaluation on pool {pool!r} has groups or names one, not both; evaluate again"
        )
    if groups is not None and not _numbered(groups, record.rows):
        raise DataError(
            f"gate: the groups on pool {pool!r} are not one of each of {record.rows} rows; evaluate again"
        )


def _numbered(groups: np.ndarray, rows: int) -> bool:
    whole = groups.dtype == np.int64 and groups.shape == (rows,)
    return whole and bool(np.array_equal(np.unique(groups), np.arange(int(groups.max(initial=-1)) + 1)))


def _constant_agrees(measured: Measured) -> bool:
    """Tell whether a record with the score of a constant answer has its outcomes, and none without."""
    record, scores = measured.evaluation, measured.constant
    if scores is None or record.constant_score is None:
        return scores is None and record.constant_score is None
    shape = (record.rows,) if record.decomposable else (1,)
    same = scores.dtype == np.float64 and scores.shape == shape
    return same and _agree(Outcomes(record.constant_score, scores), True)


def _credible(record: BenchmarkRecord) -> bool:
    ratios = [
        *record.speedup.values(),
        *record.source_speedup.values(),
        *record.engine_speedup.values(),
    ]
    ordered = all(1 / _FASTEST <= one.low <= one.value <= one.high <= _FASTEST for one in ratios)
    return ordered and _LEAST_CONFIDENCE < record.confidence < 1


def _against_the_fastest(record: BenchmarkRecord) -> bool:
    """Tell whether no other baseline is shown to be faster than the one that ratios are against."""
    others = [ratio.low for label, ratio in record.speedup.items() if is_baseline(label)]
    return (
        record.against in record.evidence.models
        and is_baseline(record.against)
        and max(others, default=0) <= 1
    )


def _check_baseline(record: EvaluationRecord, needs_size: bool) -> None:
    value = record.results[BASELINE].value
    if value is None or (needs_size and not value):
        raise DataError(
            f"gate: the baseline's {record.metric} is {value}; "
            "check data, labels and metric before compressing"
        )


def _check_outcomes(models: list[Model], pool: str, measured: Measured) -> None:
    record = measured.evaluation
    rows, absent = record.rows if record.decomposable else None, record.evidence.not_loaded
    if any(_has_numbers(label, measured) or is_baseline(label) for label in absent):
        raise DataError(
            f"gate: pool {pool!r} has numbers of a model that was not loaded, or no baseline; evaluate again"
        )
    models = [model for model in models if model.label not in absent]
    sizes = {len(measured.outcomes.get(model.label, ())) for model in models}
    if len(sizes) > 1 or 0 in sizes or (rows is not None and sizes != {rows}):
        raise DataError(
            f"gate: the outcomes on pool {pool!r} are not those of {rows or 'all'} rows for every model; "
            "evaluate again"
        )
    for model in models:
        if (scored := measured.scored(model.label)) and not _agree(scored, record.decomposable):
            raise DataError(
                f"gate: the {record.metric} of {model.label} on pool {pool!r} is not that of its outcomes"
            )
        if scored and not _within(scored, record):
            raise DataError(
                f"gate: the {record.metric} of {model.label} on pool {pool!r} is beyond the range that the "
                f"metric declares, {list(record.score_range)}; correct the range and evaluate again"
            )


def _has_numbers(label: str, measured: Measured) -> bool:
    result = measured.evaluation.results.get(label)
    return label in measured.outcomes or result is None or result.value is not None


def _within(scored: Outcomes, record: EvaluationRecord) -> bool:
    """Tell whether scores are in the range that the metric declares, which limits what a row can lose."""
    low, high = record.score_range
    scores = np.append(scored.replicates, scored.value)
    return (low is None or scores.min() >= low - _ROUNDING) and (
        high is None or scores.max() <= high + _ROUNDING
    )


def _agree(scored: Outcomes, decomposable: bool) -> bool:
    finite = bool(np.isfinite(scored.replicates).all())
    return finite and (not decomposable or abs(float(scored.replicates.mean()) - scored.value) <= _ROUNDING)
