"""The gate: a pure function from measurements to a verdict with its reasons as sentences. Nothing here fails open."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from inc_mlflow.errors import DataError
from inc_mlflow.measure import paired
from inc_mlflow.measure.words import decimal, percent, times
from inc_mlflow.records import (
    BASELINE,
    BenchmarkRecord,
    EvaluationRecord,
    Interval,
    JudgementRecord,
    Model,
    PoolResult,
    Row,
    Verdict,
)
from inc_mlflow.spec import GateSpec

_ORDER: dict[Verdict | None, int] = {None: -1, "pass": 0, "inconclusive": 1, "fail": 2}
_SLOWEST = -np.inf


@dataclass(frozen=True)
class Measured:
    """All that one pool found out; ``outcomes`` are the evaluation's replicates by model."""

    evaluation: EvaluationRecord
    outcomes: Mapping[str, np.ndarray]
    benchmark: BenchmarkRecord | None
    """None on an emulated pool: it has no speed, and so can make a candidate fail but never pass."""


@dataclass(frozen=True)
class _Opinion:
    """One question answered."""

    verdict: Verdict
    reason: str


def judge(models: list[Model], pools: Mapping[str, Measured], gate: GateSpec) -> JudgementRecord:
    """Return the table in its order and the verdict of its best row; ``models`` begins with the baseline.

    A candidate fails if it fails on a pool, else is inconclusive if one pool is. Raises DataError where the records
    are not about these models, not about the same rows, or none of them is about speed.
    """
    for pool, measured in pools.items():
        check_evidence(models, pool, measured)
    if len({measured.evaluation.evidence.data_sha256 for measured in pools.values()}) > 1:
        raise DataError("gate: not all pools were evaluated on the same rows; evaluate again")
    if all(measured.benchmark is None for measured in pools.values()):
        raise DataError("gate: no pool has a benchmark, emulated pools alone decide nothing; benchmark and judge again")
    rows = [_row(model, pools, gate) for model in models]
    candidates = sorted(rows[1:], key=lambda row: _rank(row, next(iter(pools.values())).evaluation.higher_is_better))
    best = candidates[0]
    verdict: Verdict = best.verdict or "fail"
    return JudgementRecord(verdict=verdict, reasons=best.reasons, table=(rows[0], *candidates), confidence=gate.confidence)


def check_evidence(models: list[Model], pool: str, measured: Measured) -> None:
    """Refuse records that are about other models or another pool."""
    expected = {model.label: model.sha256 for model in models}
    for name, record in (("evaluation", measured.evaluation), ("benchmark", measured.benchmark)):
        if record is None:
            continue
        evidence = record.evidence
        found = {label: evidence.models.get(label) for label in expected}
        if found != expected:
            raise DataError(f"gate: the {name} on pool {pool!r} is about other models; measure these and judge again")
        if evidence.pool != pool:
            raise DataError(f"gate: the {name} was made on pool {evidence.pool!r}, not {pool!r}; measure there")
    rows = measured.evaluation.rows if measured.evaluation.decomposable else None
    sizes = {len(measured.outcomes[label]) if label in measured.outcomes else 0 for label in expected}
    if len(sizes) > 1 or (rows is not None and sizes != {rows}):
        raise DataError(
            f"gate: the outcomes on pool {pool!r} are not those of {rows or 'all'} rows for every model; evaluate again"
        )


def _row(model: Model, pools: Mapping[str, Measured], gate: GateSpec) -> Row:
    judged = {pool: _on_pool(model, measured, gate) for pool, measured in pools.items()}
    results = {pool: result for pool, (result, _) in judged.items()}
    benchmarks = {pool: measured.benchmark for pool, measured in pools.items() if measured.benchmark is not None}
    least_accurate = max(results.values(), key=_lost)
    slowest = max((results[pool] for pool in benchmarks), key=_slowness)
    sources = [benchmark.source_speedup.get(model.label) for benchmark in benchmarks.values()]
    is_baseline = model.label == BASELINE
    verdict = max((result.verdict for result in results.values()), key=lambda one: _ORDER[one])
    return Row(
        recipe=model.label,
        path=model.path,
        sha256=model.sha256,
        accuracy=least_accurate.accuracy,
        relative_drop=least_accurate.relative_drop,
        speedup=slowest.speedup,
        source_speedup=min((one for one in sources if one is not None), key=lambda one: one.low, default=None),
        size_bytes=model.size_bytes,
        verdict=None if is_baseline else verdict,
        reasons=() if is_baseline else _reasons({pool: reasons for pool, (_, reasons) in judged.items()}),
        per_pool=results,
    )


def _reasons(by_pool: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """Join the reasons of all pools; where there are several, each names its own."""
    several = len(by_pool) > 1
    return tuple(f"on {pool}: {reason}" if several else reason for pool, reasons in by_pool.items() for reason in reasons)


def _lost(result: PoolResult) -> float:
    return result.relative_drop.value if result.relative_drop else np.inf


def _slowness(result: PoolResult) -> float:
    return -(result.speedup.low if result.speedup else _SLOWEST)


def _rank(row: Row, higher_is_better: bool) -> tuple[int, float, float, int, str]:
    speed = row.speedup.low if row.speedup else _SLOWEST
    accuracy = row.accuracy.value if row.accuracy else (-np.inf if higher_is_better else np.inf)
    return _ORDER[row.verdict], -speed, -accuracy if higher_is_better else accuracy, row.size_bytes, row.sha256


def _on_pool(model: Model, measured: Measured, gate: GateSpec) -> tuple[PoolResult, tuple[str, ...]]:
    accuracy, drop = _accuracy(model, measured, gate.confidence)
    speedup, opinions = _speed(model, measured.benchmark, gate)
    opinions = [_judge_drop(model, drop, measured.evaluation, gate), *opinions]
    verdict = max((opinion.verdict for opinion in opinions), key=lambda one: _ORDER[one])
    result = PoolResult(accuracy=accuracy, relative_drop=drop, speedup=speedup, verdict=verdict)
    slow = measured.benchmark.slow.get(model.label) if measured.benchmark else None
    return result, (*(opinion.reason for opinion in opinions), *([slow.summary] if slow else []))


def _speed(model: Model, benchmark: BenchmarkRecord | None, gate: GateSpec) -> tuple[Interval | None, list[_Opinion]]:
    """Return the speed-up and the opinion on it; nothing where the pool is emulated."""
    if benchmark is None:
        return None, []
    speedup = Interval.exact(1.0) if model.label == BASELINE else benchmark.speedup.get(model.label)
    return speedup, [_judge_speed(speedup, benchmark, gate)]


def _accuracy(model: Model, measured: Measured, confidence: float) -> tuple[Interval | None, Interval | None]:
    """Accuracy and relative drop with their bounds; None where the metric is no number."""
    record = measured.evaluation
    value, base = record.results[model.label].value, record.results[BASELINE].value
    if base is None or base == 0:
        raise DataError(f"gate: the baseline's {record.metric} is {base}; check data, labels and metric before compressing")
    if value is None:
        return None, None
    outcomes = measured.outcomes[model.label]
    accuracy = paired.accuracy(outcomes, value, record.decomposable, confidence)
    if model.label == BASELINE:
        return accuracy, Interval.exact(0.0)
    drop = paired.relative_drop(
        (base, measured.outcomes[BASELINE]),
        (value, outcomes),
        decomposable=record.decomposable,
        higher_is_better=record.higher_is_better,
        confidence=confidence,
    )
    return accuracy, drop


def _judge_drop(model: Model, drop: Interval | None, record: EvaluationRecord, gate: GateSpec) -> _Opinion:
    limit, metric = gate.max_relative_drop, record.metric
    if drop is None:
        return _Opinion("fail", f"{metric} is no number: {record.results[model.label].reason}")
    text = f"{metric} drops by {percent(drop.value)}"
    if drop.high <= limit:
        return _Opinion("pass", f"{text}, at most {percent(drop.high)}; allowed is {percent(limit)}")
    if drop.low > limit:
        return _Opinion("fail", f"{text}, at least {percent(drop.low)}; allowed is {percent(limit)}")
    return _Opinion(
        "inconclusive",
        f"{text}, but it could be {percent(drop.low)} to {percent(drop.high)}; allowed is {percent(limit)}, "
        f"{_decides(drop, limit, record)}",
    )


def _decides(drop: Interval, limit: float, record: EvaluationRecord) -> str:
    """Estimate the rows that would decide: an interval shrinks with the square root of their number."""
    gap = abs(limit - drop.value)
    reach = drop.high - drop.value if drop.value <= limit else drop.value - drop.low
    if gap < 1e-9:
        return "and no number of rows can decide a drop that equals the limit"
    rows = int(np.ceil(record.rows * (reach / gap) ** 2))
    return f"about {decimal(rows)} rows would decide, validation has {decimal(record.rows)}"


def _judge_speed(speedup: Interval | None, record: BenchmarkRecord, gate: GateSpec) -> _Opinion:
    if speedup is None or not record.valid:
        return _Opinion("inconclusive", f"the speed could not be measured: {'; '.join(record.reasons) or 'no ratio'}")
    text, needed = f"{times(speedup.value)} as fast as the baseline", f"needed is {times(gate.min_speedup)}"
    if speedup.low >= gate.min_speedup:
        return _Opinion("pass", f"{text}, at least {times(speedup.low)}; {needed}")
    if speedup.high < gate.min_speedup:
        return _Opinion("fail", f"{text}, at most {times(speedup.high)}; {needed}")
    return _Opinion("inconclusive", f"{text}, but it could be {times(speedup.low)} to {times(speedup.high)}; {needed}")
