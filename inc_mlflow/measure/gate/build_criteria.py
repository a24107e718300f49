"""The questions that a gate asks about a candidate: over all rows, in the worst class, between pools, and its speed."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import permutations

import numpy as np

from inc_mlflow.errors import DataError
from inc_mlflow.formatting import percent, points
from inc_mlflow.measure.gate.criteria import Question
from inc_mlflow.measure.gate.evidence import Measured
from inc_mlflow.measure.gate.speed import Faster
from inc_mlflow.measure.stats.outcomes import Outcomes
from inc_mlflow.measure.stats.paired import Bounds, Pair, absolute_drop, relative_drop
from inc_mlflow.measure.stats.reach import declared
from inc_mlflow.records import BASELINE, Model
from inc_mlflow.spec import GateSpec

Group = Sequence[Question]


@dataclass(frozen=True)
class Asked:
    """All questions about one model: groups per pool, those between pools, and speed.

    In a group all have to pass.
    """

    model: Model
    on_pool: dict[str, list[Group]]
    between_pools: list[Group]
    speed: dict[str, Faster]

    def passes(self, confidence: float) -> bool:
        """Tell whether all of them pass, on every pool: an intersection-union test, whose parts need no correction."""
        groups = [*(group for groups in self.on_pool.values() for group in groups), *self.between_pools]
        near = all(self.on_pool.values()) and all(one.passes(confidence) for group in groups for one in group)
        return near and all(one.passes(confidence) for one in self.speed.values())


def ask(model: Model, pools: Mapping[str, Measured], fast: Collection[str], gate: GateSpec) -> Asked:
    """Put the gate's questions about a candidate on these pools.

    ``fast`` are those whose speed is asked for.
    """
    benchmarks = {pool: pools[pool].benchmark for pool in fast}
    return Asked(
        model,
        {pool: _on_pool(model.label, measured, gate) for pool, measured in pools.items()},
        _between_pools(model.label, pools, gate),
        {pool: Faster(model.label, one, gate.min_speedup) for pool, one in benchmarks.items() if one},
    )


def _on_pool(label: str, measured: Measured, gate: GateSpec) -> list[Group]:
    pair = compare(label, measured)
    if pair is None:
        return []
    groups: list[Group] = [[question] for question in _overall(pair, measured, gate)]
    return [*groups, _by_class(pair, measured, gate)] if gate.max_class_drop is not None else groups


def _between_pools(label: str, pools: Mapping[str, Measured], gate: GateSpec) -> list[Group]:
    """Ask from each pool to each other one: the rows are the same, so they pair up."""
    scores = {pool: measured.scored(label) for pool, measured in pools.items()}
    # From a pool where the metric is 0 nothing can drop; the way back to it fails.
    known = {pool: scored for pool, scored in scores.items() if scored is not None}
    if gate.max_pool_spread is None or len(known) < 2:
        return []
    record = next(iter(pools.values())).evaluation
    questions = []
    for one, other in permutations(known, 2):
        if not known[one].value:
            continue
        pair = _pair(known[one], known[other], next(iter(pools.values())))
        bounds = cache(relative_drop(pair, gate.max_pool_spread))
        questions.append(
            Question(
                f"{record.metric} from {one} to {other}", bounds, gate.max_pool_spread, percent, record.rows
            )
        )
    return [questions] if questions else []


def compare(label: str, measured: Measured) -> Pair | None:
    """Pair a model's outcomes with the baseline's; None where one has no number."""
    baseline, candidate = measured.scored(BASELINE), measured.scored(label)
    if baseline is None or candidate is None:
        return None
    return _pair(baseline, candidate, measured)


def _pair(one: Outcomes, other: Outcomes, measured: Measured) -> Pair:
    record = measured.evaluation
    kind = record.decomposable, record.higher_is_better, record.rows, record.score_range
    return Pair(one, other, *kind, measured.groups, record.hangs_on)


def relative(pair: Pair, gate: GateSpec) -> Bounds:
    """Return the relative drop, exact around the limit that applies to it.

    DataError where the baseline has nothing to lose.
    """
    return relative_drop(pair, gate.relative_limit(pair.baseline.value))


def _overall(pair: Pair, measured: Measured, gate: GateSpec) -> Iterator[Question]:
    metric, note = measured.evaluation.metric, _undeclared(pair)
    of: tuple[int, str, str] = (pair.rows, "validation", "rows")
    if pair.groups is not None:
        of = int(pair.groups.max()) + 1, "validation", f"groups of {measured.evaluation.group}"
    if gate.max_relative_drop is not None:
        yield Question(metric, cache(relative(pair, gate)), gate.max_relative_drop, percent, *of, note)
    if gate.max_absolute_drop is not None:
        yield Question(metric, cache(absolute_drop(pair)), gate.max_absolute_drop, points, *of, note)


def _undeclared(pair: Pair) -> str:
    """Say what the bounds rest on where the metric does not tell how much a row can lose."""
    if pair.binary or declared(pair.between, pair.higher_is_better):
        return ""
    end = "least" if pair.higher_is_better else "largest"
    if pair.decomposable:
        return f"; the metric declares no {end} score, so a row is taken to lose no more than the baseline's largest score"
    return f"; the metric declares no {end} score, so all rows together are taken to lose no more than the baseline's"


def _by_class(pair: Pair, measured: Measured, gate: GateSpec) -> Group:
    """Ask for every class that validation has rows of."""
    record, limit = measured.evaluation, gate.max_class_drop or 0.0
    if measured.classes is None:
        raise DataError(
            f"gate.max_class_drop: {record.metric} has no class per row; use top1 or top5, or leave it out"
        )
    present, counts = np.unique(measured.classes, return_counts=True)
    return [
        Question(
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
