"""The gate: a pure function from measurements to a verdict with its reasons as sentences.

Nothing here fails open.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from inc_mlflow.errors import DataError
from inc_mlflow.measure.gate.build_criteria import Asked, ask, compare, relative
from inc_mlflow.measure.gate.criteria import Opinion, answer, rank, worst
from inc_mlflow.measure.gate.evidence import Measured, check_evidence
from inc_mlflow.measure.gate.speed import Faster
from inc_mlflow.measure.stats import paired
from inc_mlflow.measure.stats.holm import holm
from inc_mlflow.records import BASELINE, EvaluationRecord, Interval, JudgementRecord, Model, PoolResult, Row
from inc_mlflow.registry.engines import DEFAULT_ENGINE
from inc_mlflow.spec import GateSpec
from inc_mlflow.spec.gate import Role

_SLOWEST = -np.inf


@dataclass(frozen=True)
class _Judged:
    """One pool's numbers on one model, and the reasons of its verdict; ``role`` says what counts."""

    role: Role
    result: PoolResult
    reasons: tuple[str, ...]


def judge(models: list[Model], pools: Mapping[str, Measured], gate: GateSpec) -> JudgementRecord:
    """Return the table in its order and the verdict of its best row; ``models`` begins with the baseline.

    A candidate fails if it fails on a pool whose role counts, else is inconclusive if one is. Having to pass
    on all of them needs no correction (intersection-union test); several candidates are judged by Holm's.
    Raises DataError where records are not about these models or not about the same rows, or no real pool is
    required.
    """
    check_evidence(models, pools, needs_size=gate.max_relative_drop is not None)
    required = _required(pools, gate)
    counting = {pool: one for pool, one in pools.items() if gate.role(pool, one.emulated) != "informative"}
    asked = {model.label: ask(model, counting, required, gate) for model in models[1:]}
    levels = holm(gate.confidence, {label: one.passes for label, one in asked.items()})
    baseline = _baseline(models[0], pools, gate)
    rows = [_candidate(model, pools, gate, asked[model.label], levels[model.label]) for model in models[1:]]
    table = sorted(rows, key=lambda row: place(row, next(iter(pools.values())).evaluation.higher_is_better))
    return JudgementRecord(
        verdict=table[0].verdict or "fail",
        reasons=table[0].reasons,
        table=(baseline, *table),
        confidence=gate.confidence,
        policy_sha256=gate.sha256(),
    )


def _required(pools: Mapping[str, Measured], gate: GateSpec) -> list[str]:
    """Return the pools that a candidate must be fast on, one at least."""
    required = [pool for pool, one in pools.items() if gate.role(pool, one.emulated) == "required"]
    if not required:
        raise DataError(
            "gate: no pool is required; emulated ones and others that are not decide nothing: require a real one"
        )
    for pool in required:
        if pools[pool].benchmark is None:
            raise DataError(
                f"gate: pool {pool!r} is required and has no benchmark; benchmark there and judge again"
            )
    return required


def _baseline(model: Model, pools: Mapping[str, Measured], gate: GateSpec) -> Row:
    def result(measured: Measured) -> PoolResult:
        speedup = Interval.exact(1.0) if measured.benchmark else None
        accuracy = _accuracy(model, measured, gate)
        return PoolResult(
            accuracy=accuracy, relative_drop=Interval.exact(0.0), speedup=speedup, verdict="pass"
        )

    judged = {pool: _Judged(gate.role(pool, one.emulated), result(one), ()) for pool, one in pools.items()}
    return _row(model, pools, judged)


def _candidate(
    model: Model, pools: Mapping[str, Measured], gate: GateSpec, asked: Asked, level: float
) -> Row:
    judged = {pool: _on_pool(asked, pool, measured, gate, level) for pool, measured in pools.items()}
    between = [answer(group, gate.confidence, level) for group in asked.between_pools]
    verdicts = [one.result.verdict for one in judged.values() if one.role != "informative"]
    row = _row(model, pools, judged)
    return row.model_copy(
        update={
            "verdict": worst([*verdicts, *(opinion.verdict for opinion in between)]),
            "reasons": (*_reasons(judged), *(opinion.reason for opinion in between)),
        }
    )


def _row(model: Model, pools: Mapping[str, Measured], judged: Mapping[str, _Judged]) -> Row:
    """Put one line of the table together: of what counts, the worst of all pools."""
    counting = {pool: one for pool, one in judged.items() if one.role != "informative"}
    fast = [pool for pool, one in judged.items() if one.role == "required"]
    least_accurate = max((one.result for one in counting.values()), key=_lost)
    sources = [
        benchmark.source_speedup.get(model.label) for pool in fast if (benchmark := pools[pool].benchmark)
    ]
    return Row(
        recipe=model.label,
        engine=next(iter(pools.values())).evaluation.evidence.engines.get(model.label, DEFAULT_ENGINE),
        path=model.path,
        sha256=model.sha256,
        accuracy=least_accurate.accuracy,
        relative_drop=least_accurate.relative_drop,
        speedup=min((judged[pool].result for pool in fast), key=_slowness).speedup,
        source_speedup=min(
            (one for one in sources if one is not None), key=lambda one: one.low, default=None
        ),
        size_bytes=model.size_bytes,
        verdict=None,
        reasons=(),
        per_pool={pool: one.result for pool, one in judged.items()},
    )


def _reasons(judged: Mapping[str, _Judged]) -> tuple[str, ...]:
    """Join the reasons of all pools; where there are several, each names its own."""
    if len(judged) == 1:
        return next(iter(judged.values())).reasons
    names = {
        pool: f"{pool} (informative)" if one.role == "informative" else pool for pool, one in judged.items()
    }
    return tuple(f"on {names[pool]}: {reason}" for pool, one in judged.items() for reason in one.reasons)


def _lost(result: PoolResult) -> float:
    return result.relative_drop.value if result.relative_drop else np.inf


def _slowness(result: PoolResult) -> float:
    return result.speedup.low if result.speedup else _SLOWEST


def place(row: Row, higher_is_better: bool) -> tuple[int, float, float, int, str]:
    """Return what rows are sorted by: verdict, lower end of the speed-up, accuracy, size, digest."""
    speed = row.speedup.low if row.speedup else _SLOWEST
    accuracy = row.accuracy.value if row.accuracy else (-np.inf if higher_is_better else np.inf)
    return rank(row.verdict), -speed, -accuracy if higher_is_better else accuracy, row.size_bytes, row.sha256


def _on_pool(asked: Asked, pool: str, measured: Measured, gate: GateSpec, level: float) -> _Judged:
    model, role, benchmark = asked.model, gate.role(pool, measured.emulated), measured.benchmark
    if role == "informative":
        asked, level = ask(model, {pool: measured}, [pool], gate), gate.confidence
    opinions = [answer(group, gate.confidence, level) for group in asked.on_pool[pool]] or [
        _no_number(model, measured)
    ]
    opinions += [asked.speed[pool].opinion(gate.confidence, level)] if pool in asked.speed else []
    result = PoolResult(
        accuracy=_accuracy(model, measured, gate),
        relative_drop=_relative_drop(model, measured, gate),
        speedup=Faster(model.label, benchmark, gate.min_speedup).at(gate.confidence) if benchmark else None,
        verdict=worst(opinion.verdict for opinion in opinions),
    )
    slow = benchmark.slow.get(model.label) if benchmark else None
    return _Judged(
        role, result, (*(opinion.reason for opinion in opinions), *([slow.summary] if slow else []))
    )


def _relative_drop(model: Model, measured: Measured, gate: GateSpec) -> Interval | None:
    """Return the relative drop for the table.

    None where a model has no number, or the baseline nothing to lose.
    """
    pair = compare(model.label, measured)
    return relative(pair, gate)(gate.confidence) if pair and pair.baseline.value else None


def _accuracy(model: Model, measured: Measured, gate: GateSpec) -> Interval | None:
    scored = measured.scored(model.label)
    record = measured.evaluation
    rest = (
        record.decomposable,
        gate.confidence,
        record.score_range,
        measured.groups,
        record.rows,
        record.hangs_on,
    )
    return paired.accuracy(scored, *rest) if scored else None


def _no_number(model: Model, measured: Measured) -> Opinion:
    record = measured.evaluation
    return Opinion("fail", f"{record.metric} is no number: {record.results[model.label].reason}")


def judge_pools(pools: dict[str, Measured], gate: GateSpec) -> JudgementRecord:
    """Judge the models that the evaluations are about."""
    return judge(_models(next(iter(pools.values())).evaluation), pools, gate)


def _models(record: EvaluationRecord) -> list[Model]:
    """List the models of an evaluation, baseline first; where their files are, a record does not know."""
    labels = sorted(record.results, key=lambda label: label != BASELINE)
    if BASELINE not in record.results:
        raise DataError("gate: the evaluation has no baseline to compare with; evaluate again")
    digests, sizes = record.evidence.models, {label: one.size_bytes for label, one in record.results.items()}
    return [Model(label=one, path="", sha256=digests.get(one, ""), size_bytes=sizes[one]) for one in labels]
