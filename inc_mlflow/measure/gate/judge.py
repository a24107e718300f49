"""The gate: a pure function from measurements to a verdict, with its reasons as sentences.

It fails closed: what is missing, or no number, never passes.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from inc_mlflow.errors import DataError
from inc_mlflow.measure.gate.allowed import as_allowed, not_allowed_notes, precision_of
from inc_mlflow.measure.gate.build_criteria import build_criteria
from inc_mlflow.measure.gate.criteria import (
    Criteria,
    SpeedCriterion,
    judge_group,
    worst_verdict,
)
from inc_mlflow.measure.gate.evidence import check_evidence
from inc_mlflow.measure.gate.measured import Measured
from inc_mlflow.measure.gate.metric_results import (
    pool_result,
    results_by_metric,
    with_verdict,
    worst_of_pools,
)
from inc_mlflow.measure.gate.order import SLOWEST, in_order
from inc_mlflow.measure.stats.holm import holm
from inc_mlflow.records import (
    BASELINE,
    BenchmarkRecord,
    EvaluationRecord,
    Interval,
    JudgementRecord,
    MetricFacts,
    Model,
    PoolResult,
    RejectedRecipe,
    Row,
    is_baseline,
)
from inc_mlflow.registry.engines import DEFAULT_ENGINE
from inc_mlflow.spec import GateSpec
from inc_mlflow.spec.gate import Role


@dataclass(frozen=True)
class _OnPool:
    """One pool's numbers on one model with its verdict and reasons; ``role`` says what counts."""

    role: Role
    result: PoolResult
    reasons: tuple[str, ...]


def judge(
    models: list[Model],
    pools: Mapping[str, Measured],
    gate: GateSpec,
    rejected: tuple[RejectedRecipe, ...] = (),
    notes: tuple[str, ...] = (),
) -> JudgementRecord:
    """Return the table in its order and the verdict of its best row; ``models`` begins with the reference.

    ``rejected`` are the recipes without a candidate; where none has one, the verdict is ``fail``. ``notes``
    are said with the reasons.
    A candidate fails if it fails on a pool whose role counts, else is inconclusive if one is. Having to pass
    on all of them needs no correction (intersection-union test); several candidates are judged by Holm's.
    Raises DataError where records are not about these models or not about the same rows, or no real pool is
    required.
    """
    check_evidence(models, pools, gate, alone=bool(rejected))
    required = _required(pools, gate)
    counting = {pool: one for pool, one in pools.items() if gate.role(pool, one.emulated) != "informative"}
    candidates = [model for model in models if not is_baseline(model.label)]
    criteria = {model.label: build_criteria(model, counting, required, gate) for model in candidates}
    levels = holm(gate.confidence, {label: one.passes for label, one in criteria.items()})
    baselines = [_baseline(model, pools, gate) for model in models if is_baseline(model.label)]
    judged = [
        _candidate(model, pools, gate, criteria[model.label], levels[model.label]) for model in candidates
    ]
    precisions = {row.recipe: precision_of(row.recipe, pools) for row in judged}
    rows = [as_allowed(row, precisions[row.recipe], gate) for row in judged]
    metrics = tuple(map(_facts, next(iter(pools.values())).by_metric))
    table = in_order(rows, metrics[0].higher_is_better)
    notes = (*not_allowed_notes(judged, precisions, gate, table[0] if table else None), *notes)
    reasons = table[0].reasons if table else tuple(dict.fromkeys(one.reason for one in rejected))
    return JudgementRecord(
        verdict=(table[0].verdict if table else None) or "fail",
        reasons=(*reasons, *notes),
        metric=metrics[0],
        metrics=metrics,
        table=(*baselines, *table),
        rejected=rejected,
        confidence=gate.confidence,
        policy_sha256=gate.sha256(),
    )


def _facts(measured: Measured) -> MetricFacts:
    about = measured.evaluation
    return MetricFacts(
        name=about.metric, higher_is_better=about.higher_is_better, informative=not measured.judged
    )


def _required(pools: Mapping[str, Measured], gate: GateSpec) -> list[str]:
    """Return the pools that a candidate must be fast on. Raises DataError where there is none."""
    required = [pool for pool, one in pools.items() if gate.role(pool, one.emulated) == "required"]
    if not required:
        raise DataError(
            "gate: no pool is required; emulated ones and others that are not decide nothing: "
            "require a real one"
        )
    for pool in required:
        if pools[pool].benchmark is None:
            raise DataError(
                f"gate: pool {pool!r} is required and has no benchmark; benchmark there and judge again"
            )
    return required


def _baseline(model: Model, pools: Mapping[str, Measured], gate: GateSpec) -> Row:
    """Return a baseline's row: its drop is against the reference, its speed-up against the fastest one."""

    def result(measured: Measured) -> PoolResult:
        reference = model.label == BASELINE
        by_metric = results_by_metric(model, measured, gate, {})
        if reference:
            exact = {"relative_drop": Interval.exact(0.0)}
            by_metric = {name: one.model_copy(update=exact) for name, one in by_metric.items()}
        return pool_result(measured, by_metric, _speedup(model, measured.benchmark, gate), "pass")

    judged = {pool: _OnPool(gate.role(pool, one.emulated), result(one), ()) for pool, one in pools.items()}
    return _row(model, pools, judged)


def _candidate(
    model: Model, pools: Mapping[str, Measured], gate: GateSpec, criteria: Criteria, level: float
) -> Row:
    judged = {pool: _on_pool(criteria, pool, measured, gate, level) for pool, measured in pools.items()}
    between = {
        metric: judge_group(group, gate.confidence, level) for metric, group in criteria.between_pools.items()
    }
    verdicts = [one.result.verdict for one in judged.values() if one.role != "informative"]
    row = _row(model, pools, judged)
    metrics = {
        name: with_verdict(one, between[name].verdict) if name in between else one
        for name, one in row.metrics.items()
    }
    return row.model_copy(
        update={
            "verdict": worst_verdict([*verdicts, *(one.verdict for one in between.values())]),
            "reasons": (*_reasons(judged), *(one.reason for one in between.values())),
            "metrics": metrics,
        }
    )


def _row(model: Model, pools: Mapping[str, Measured], judged: Mapping[str, _OnPool]) -> Row:
    """Put one line of the table together: of what counts, the worst of all pools."""
    counting = {pool: one for pool, one in judged.items() if one.role != "informative"}
    fast = [pool for pool, one in judged.items() if one.role == "required"]
    by_metric = {
        name: worst_of_pools([one.result.metrics[name] for one in counting.values()])
        for name in next(iter(judged.values())).result.metrics
    }
    first = next(iter(by_metric.values()))
    benchmarks = [one for pool in fast if (one := pools[pool].benchmark)]
    return Row(
        recipe=model.label,
        engine=next(iter(pools.values())).evaluation.evidence.engines.get(model.label, DEFAULT_ENGINE),
        path=model.path,
        sha256=model.sha256,
        accuracy=first.accuracy,
        relative_drop=first.relative_drop,
        speedup=min((judged[pool].result for pool in fast), key=_slowness).speedup,
        source_speedup=_least([one.source_speedup.get(model.label) for one in benchmarks]),
        engine_speedup=_least([one.engine_speedup.get(model.label) for one in benchmarks]),
        size_bytes=model.size_bytes,
        verdict=None,
        reasons=(),
        per_pool={pool: one.result for pool, one in judged.items()},
        metrics=by_metric,
    )


def _least(ratios: Iterable[Interval | None]) -> Interval | None:
    return min((one for one in ratios if one is not None), key=lambda one: one.low, default=None)


def _reasons(judged: Mapping[str, _OnPool]) -> tuple[str, ...]:
    """Join the reasons of all pools; where there are several, each names its own."""
    if len(judged) == 1:
        return next(iter(judged.values())).reasons
    names = {
        pool: f"{pool} (informative)" if one.role == "informative" else pool for pool, one in judged.items()
    }
    return tuple(f"on {names[pool]}: {reason}" for pool, one in judged.items() for reason in one.reasons)


def _slowness(result: PoolResult) -> float:
    return result.speedup.low if result.speedup else SLOWEST


def _on_pool(criteria: Criteria, pool: str, measured: Measured, gate: GateSpec, level: float) -> _OnPool:
    model, role = criteria.model, gate.role(pool, measured.emulated)
    if role == "informative":
        criteria, level = build_criteria(model, {pool: measured}, [pool], gate), gate.confidence
    by_metric = {one.metric: one.results(gate.confidence, level) for one in criteria.on_pool[pool]}
    results = [one for found in by_metric.values() for one in found]
    if pool in criteria.speed:
        results.append(criteria.speed[pool].result(gate.confidence, level))
    verdicts = {name: worst_verdict(one.verdict for one in found) for name, found in by_metric.items()}
    numbers = results_by_metric(model, measured, gate, verdicts)
    verdict, speedup = (
        worst_verdict(one.verdict for one in results),
        _speedup(model, measured.benchmark, gate),
    )
    slow = measured.benchmark.slow.get(model.label) if measured.benchmark else None
    reasons = [one.reason for one in results] + ([slow.summary] if slow else [])
    reasons = list(dict.fromkeys(reasons))  # each metric and the speed say that a model cannot be run
    return _OnPool(role, pool_result(measured, numbers, speedup, verdict), tuple(reasons))


def _speedup(model: Model, benchmark: BenchmarkRecord | None, gate: GateSpec) -> Interval | None:
    if benchmark is None:
        return None
    if model.label == benchmark.against:
        return Interval.exact(1.0)
    return SpeedCriterion(model.label, benchmark, gate.min_speedup).at(gate.confidence)


def judge_pools(pools: dict[str, Measured], gate: GateSpec) -> JudgementRecord:
    """Judge the models that the evaluations are about. Raises DataError as ``judge`` does."""
    return judge(_models(next(iter(pools.values())).evaluation), pools, gate)


def _models(record: EvaluationRecord) -> list[Model]:
    """List the models of an evaluation, baselines first; where their files are, a record does not know."""
    labels = sorted(record.results, key=lambda label: (label != BASELINE, not is_baseline(label)))
    if BASELINE not in record.results:
        raise DataError("gate: the evaluation has no baseline to compare with; evaluate again")
    digests, sizes = record.evidence.models, {label: one.size_bytes for label, one in record.results.items()}
    return [Model(label=one, path="", sha256=digests.get(one, ""), size_bytes=sizes[one]) for one in labels]
