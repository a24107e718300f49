"""Results of a model by each metric: on one pool, and over all pools that count."""

from collections.abc import Mapping

import numpy as np

from inc_mlflow.measure.gate.build_criteria import pair_outcomes, relative_drop_of
from inc_mlflow.measure.gate.criteria import worst_verdict
from inc_mlflow.measure.gate.measured import Measured
from inc_mlflow.measure.stats import paired
from inc_mlflow.records import Interval, MetricResult, Model, PoolResult, Verdict
from inc_mlflow.spec import GateSpec


def results_by_metric(
    model: Model, measured: Measured, gate: GateSpec, verdicts: Mapping[str, Verdict]
) -> dict[str, MetricResult]:
    """Return a model's results by metric."""
    return {
        one.evaluation.metric: MetricResult(
            accuracy=_accuracy(model, one, gate),
            relative_drop=_relative_drop(model, one, one.limits(gate)),
            verdict=verdicts.get(one.evaluation.metric),
        )
        for one in measured.by_metric
    }


def pool_result(
    measured: Measured, by_metric: dict[str, MetricResult], speedup: Interval | None, verdict: Verdict
) -> PoolResult:
    """Return all numbers of a model on a pool; those by the first metric are its own."""
    first = by_metric[measured.evaluation.metric]
    return PoolResult(
        accuracy=first.accuracy,
        relative_drop=first.relative_drop,
        speedup=speedup,
        verdict=verdict,
        metrics=by_metric,
    )


def worst_of_pools(results: list[MetricResult]) -> MetricResult:
    """Return the numbers of the pool with the largest drop, and the verdict of all."""
    least_accurate, verdicts = max(results, key=_lost), [one.verdict for one in results if one.verdict]
    verdict = worst_verdict(verdicts) if verdicts else None
    return least_accurate.model_copy(update={"verdict": verdict})


def with_verdict(result: MetricResult, verdict: Verdict) -> MetricResult:
    """Return a result whose verdict also counts another one."""
    return result.model_copy(update={"verdict": worst_verdict(filter(None, [result.verdict, verdict]))})


def _lost(result: MetricResult) -> float:
    return result.relative_drop.value if result.relative_drop else np.inf


def _relative_drop(model: Model, measured: Measured, gate: GateSpec) -> Interval | None:
    """Return the relative drop for the table.

    None where a model has no number, or the baseline nothing to lose.
    """
    pair = pair_outcomes(model.label, measured)
    return relative_drop_of(pair, gate)(gate.confidence) if pair and pair.baseline.value else None


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
