"""The criteria of a gate for one candidate: all rows, the worst class, the spread between pools, speed."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import permutations

import numpy as np

from inc_mlflow.errors import DataError
from inc_mlflow.formatting import percent, points
from inc_mlflow.measure.gate.constant_answer import cannot_tell
from inc_mlflow.measure.gate.criteria import (
    Criteria,
    CriterionGroup,
    CriterionResult,
    DropCriterion,
    MetricCriteria,
    SpeedCriterion,
    not_loaded,
)
from inc_mlflow.measure.gate.measured import Measured
from inc_mlflow.measure.stats.outcomes import Outcomes
from inc_mlflow.measure.stats.paired import Bounds, Pair, absolute_drop, relative_drop
from inc_mlflow.measure.stats.score_range import declares_worst
from inc_mlflow.records import BASELINE, Model
from inc_mlflow.spec import GateSpec


def build_criteria(
    model: Model, pools: Mapping[str, Measured], fast: Collection[str], gate: GateSpec
) -> Criteria:
    """Return the gate's criteria for a candidate on these pools; speed counts on those of ``fast``.

    Raises DataError where a class limit is set and rows have no classes, or where the baseline's metric is 0
    and a share of it is limited.
    """
    benchmarks = {pool: pools[pool].benchmark for pool in fast}
    return Criteria(
        model,
        {
            pool: [_of_metric(model.label, one, one.limits(gate)) for one in measured.by_metric if one.judged]
            for pool, measured in pools.items()
        },
        dict(_by_metric_between_pools(model.label, pools, gate)),
        {pool: SpeedCriterion(model.label, one, gate.min_speedup) for pool, one in benchmarks.items() if one},
    )


def _of_metric(label: str, measured: Measured, gate: GateSpec) -> MetricCriteria:
    metric, pair = measured.evaluation.metric, pair_outcomes(label, measured)
    if pair is None:
        reason = measured.evaluation.results[label].reason
        missing = CriterionResult("fail", f"{metric} is no number: {reason}")
        return MetricCriteria(metric, [], not_loaded(label, measured.evaluation.evidence) or missing)
    groups: list[CriterionGroup] = [[criterion] for criterion in _overall(pair, measured, gate)]
    if gate.max_class_drop is not None:
        groups.append(_by_class(pair, measured, gate))
    return MetricCriteria(metric, groups, cannot_tell(measured, gate))


def _by_metric_between_pools(
    label: str, pools: Mapping[str, Measured], gate: GateSpec
) -> Iterator[tuple[str, CriterionGroup]]:
    for by_metric in zip(*(measured.by_metric for measured in pools.values()), strict=True):
        group = _between_pools(label, dict(zip(pools, by_metric, strict=True)), gate)
        if by_metric[0].judged and group:
            yield by_metric[0].evaluation.metric, group


def _between_pools(label: str, pools: Mapping[str, Measured], gate: GateSpec) -> CriterionGroup:
    """Compare each pool with each other one: the rows are the same, so they pair up."""
    scores = {pool: measured.scored(label) for pool, measured in pools.items()}
    # From a pool where the metric is 0 nothing can drop; the way back to it fails.
    known = {pool: scored for pool, scored in scores.items() if scored is not None}
    if gate.max_pool_spread is None or len(known) < 2:
        return []
    record = next(iter(pools.values())).evaluation
    criteria = []
    for one, other in permutations(known, 2):
        if not known[one].value:
            continue
        pair = _pair(known[one], known[other], next(iter(pools.values())))
        bounds = cache(relative_drop(pair, gate.max_pool_spread))
        criteria.append(
            DropCriterion(
                f"{record.metric} from {one} to {other}",
                bounds,
                gate.max_pool_spread,
                percent,
                record.rows,
                higher_is_better=record.higher_is_better,
            )
        )
    return criteria


def pair_outcomes(label: str, measured: Measured) -> Pair | None:
    """Pair a model's outcomes with the baseline's; None where either metric is no number."""
    baseline, candidate = measured.scored(BASELINE), measured.scored(label)
    if baseline is None or candidate is None:
        return None
    return _pair(baseline, candidate, measured)


def _pair(one: Outcomes, other: Outcomes, measured: Measured) -> Pair:
    record = measured.evaluation
    kind = record.decomposable, record.higher_is_better, record.rows, record.score_range
    return Pair(one, other, *kind, measured.groups, record.hangs_on)


def relative_drop_of(pair: Pair, gate: GateSpec) -> Bounds:
    """Return the relative drop, exact around the limit that applies to it.

    Raises DataError where the baseline's metric is 0.
    """
    return relative_drop(pair, gate.relative_limit(pair.baseline.value))


def _overall(pair: Pair, measured: Measured, gate: GateSpec) -> Iterator[DropCriterion]:
    metric = measured.evaluation.metric
    of: tuple[int, str, str] = (pair.rows, "validation", "rows")
    if pair.groups is not None:
        of = int(pair.groups.max()) + 1, "validation", f"groups of {measured.evaluation.group}"
    rest = (*of, _undeclared(pair), pair.higher_is_better)
    if gate.max_relative_drop is not None:
        bounds = cache(relative_drop_of(pair, gate))
        yield DropCriterion(metric, bounds, gate.max_relative_drop, percent, *rest)
    if gate.max_absolute_drop is not None:
        yield DropCriterion(metric, cache(absolute_drop(pair)), gate.max_absolute_drop, points, *rest)


def _undeclared(pair: Pair) -> str:
    """Say what the bounds rest on where the metric does not tell how much a row can lose."""
    if pair.binary or declares_worst(pair.between, pair.higher_is_better):
        return ""
    end = "least" if pair.higher_is_better else "largest"
    what, lost = "all rows together are", "the baseline's"
    if pair.decomposable:
        what, lost = "a row is", "the baseline's largest score"
    return f"; the metric declares no {end} score, so {what} taken to lose no more than {lost}"


def _by_class(pair: Pair, measured: Measured, gate: GateSpec) -> CriterionGroup:
    """Return a criterion for every class that validation has rows of."""
    record, limit = measured.evaluation, gate.max_class_drop or 0.0
    if measured.classes is None:
        raise DataError(
            f"gate.max_class_drop: {record.metric} has no class per row; use top1 or top5, or leave it out"
        )
    present, counts = np.unique(measured.classes, return_counts=True)
    return [
        DropCriterion(
            what=f"{record.metric} of class {one}",
            bounds=cache(absolute_drop(_only(pair, measured.classes == one))),
            limit=limit,
            show=percent,
            rows=int(count),
            of="the class",
        )
        for one, count in zip(present, counts, strict=True)
    ]


def _only(pair: Pair, rows: np.ndarray) -> Pair:
    one, other = (outcomes.replicates[rows] for outcomes in (pair.baseline, pair.candidate))
    groups = None if pair.groups is None else np.unique(pair.groups[rows], return_inverse=True)[1]
    scores = Outcomes(float(one.mean()), one), Outcomes(float(other.mean()), other)
    return replace(pair, baseline=scores[0], candidate=scores[1], rows=int(rows.sum()), groups=groups)
