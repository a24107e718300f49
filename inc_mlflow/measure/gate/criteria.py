"""One criterion of the gate: whether a loss is within its limit, whether a candidate is fast enough.

Each gives a verdict and a sentence.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from inc_mlflow.formatting import decimal, percent, rounded_up, times
from inc_mlflow.measure.stats.paired import Bounds
from inc_mlflow.records import BenchmarkRecord, Evidence, Interval, Model, Verdict

_ORDER: dict[Verdict, int] = {"pass": 0, "inconclusive": 1, "fail": 2}
_FREEDOM = 4
"""Least degrees of freedom of a benchmark: those of 5 generations of processes. Batches (16) and rounds (20)
give more."""


@dataclass(frozen=True)
class CriterionResult:
    """What one criterion says about a candidate."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class DropCriterion:
    """Non-inferiority: the loss of ``what`` must be within ``limit``."""

    what: str
    bounds: Bounds
    limit: float
    show: Callable[[float], str]
    """Writes a loss."""
    rows: int
    """How many of ``unit`` there are ``of`` what was drawn."""
    of: str = "validation"
    unit: str = "rows"
    note: str = ""
    """What the result rests on; ends its sentence."""
    higher_is_better: bool = True

    def passes(self, confidence: float) -> bool:
        """Tell whether the loss is shown to be within the limit."""
        return self.bounds(confidence).high <= self.limit

    def result(self, to_fail: float, to_pass: float, confidence: float) -> CriterionResult:
        """Judge with the confidence that each verdict needs.

        The sentence names a confidence that is not ``confidence``, the gate's own.
        """
        loss, least = self.bounds(to_pass), self.bounds(to_fail).low
        worsens = "drops" if self.higher_is_better else "rises"
        text, allowed = (
            f"{self.what} {worsens} by {self.show(loss.value)}",
            f"allowed is {self.show(self.limit)}",
        )
        level = f" at {percent(to_pass)} confidence" if to_pass > confidence else ""
        if least > self.limit:
            return CriterionResult("fail", f"{text}, at least {self.show(least)}; {allowed}{self.note}")
        if loss.high <= self.limit:
            most = self.show(loss.high)
            return CriterionResult("pass", f"{text}, at most {most}{level}; {allowed}{self.note}")
        could = f"but it could be {self.show(loss.low)} to {self.show(loss.high)}{level}"
        reason = f"{text}, {could}; {allowed}, {self._rows_needed(loss)}{self.note}"
        return CriterionResult("inconclusive", reason)

    def _rows_needed(self, loss: Interval) -> str:
        """Estimate the rows that would decide: an interval shrinks with the square root of their number."""
        gap = abs(self.limit - loss.value)
        distance = loss.high - loss.value if loss.value <= self.limit else loss.value - loss.low
        if gap < 1e-9:
            return f"and no number of {self.unit} can decide a loss that equals the limit"
        needed = rounded_up(self.rows * (distance / gap) ** 2)
        return f"about {decimal(needed)} {self.unit} would decide, {self.of} has {decimal(self.rows)}"


@dataclass(frozen=True)
class SpeedCriterion:
    """Whether ``label`` is at least ``needed`` times as fast as the baseline."""

    label: str
    record: BenchmarkRecord
    needed: float

    def at(self, confidence: float) -> Interval | None:
        """Return the speed-up with one-sided bounds; None where it could not be measured."""
        speedup = self.record.speedup.get(self.label) if self.record.valid else None
        return speedup and rescale_bounds(speedup, self.record.confidence, confidence)

    def passes(self, confidence: float) -> bool:
        """Tell whether the candidate is shown to be fast enough."""
        speedup = self.at(confidence)
        return speedup is not None and speedup.low >= self.needed

    def result(self, confidence: float, to_pass: float) -> CriterionResult:
        """Judge: fail at ``confidence``; pass at ``to_pass``, which takes other candidates into account."""
        if failed := not_loaded(self.label, self.record.evidence):
            return failed
        speedup, plain = self.at(to_pass), self.at(confidence)
        if speedup is None or plain is None:
            why = "; ".join(self.record.reasons) or "no ratio"
            return CriterionResult("inconclusive", f"the speed could not be measured: {why}")
        text, needed = f"{times(speedup.value)} as fast as the baseline", f"needed is {times(self.needed)}"
        level = f" at {percent(to_pass)} confidence" if to_pass > confidence else ""
        if speedup.low >= self.needed:
            return CriterionResult("pass", f"{text}, at least {times(speedup.low)}{level}; {needed}")
        if plain.high < self.needed:
            return CriterionResult("fail", f"{text}, at most {times(plain.high)}; {needed}")
        could = f"but it could be {times(speedup.low)} to {times(speedup.high)}{level}"
        return CriterionResult("inconclusive", f"{text}, {could}; {needed}")


def not_loaded(label: str, evidence: Evidence) -> CriterionResult | None:
    """Return the failure of a candidate that its engine refuses to run on a pool; None where it runs."""
    why = evidence.not_loaded.get(label)
    return None if why is None else CriterionResult("fail", f"cannot be run: {why}")


CriterionGroup = Sequence[DropCriterion]
"""Criteria that all have to pass."""


@dataclass(frozen=True)
class MetricCriteria:
    """The criteria of one metric on one pool."""

    metric: str
    groups: list[CriterionGroup]
    """Empty where a model's metric is no number."""
    settled: CriterionResult | None = None
    """What keeps it from passing whatever the losses are: no number, or a metric that cannot tell."""

    def results(self, confidence: float, to_pass: float) -> list[CriterionResult]:
        """Judge each group, see ``judge_group``; one result at least."""
        found = [judge_group(group, confidence, to_pass) for group in self.groups]
        return found if self.settled is None else [*found, self.settled]


@dataclass(frozen=True)
class Criteria:
    """All criteria for one candidate: of its losses on each pool and between pools, and of its speed."""

    model: Model
    on_pool: dict[str, list[MetricCriteria]]
    """By pool, of each metric that is judged."""
    between_pools: dict[str, CriterionGroup]
    """By metric."""
    speed: dict[str, SpeedCriterion]

    def passes(self, confidence: float) -> bool:
        """Tell whether all pass, by every metric on every pool.

        That is an intersection-union test, whose parts need no correction. Raises DataError where the
        baseline is so small that no share of it is a number.
        """
        by_metric = [one for metrics in self.on_pool.values() for one in metrics]
        if not all(self.on_pool.values()) or any(one.settled for one in by_metric):
            return False
        groups = [*(group for one in by_metric for group in one.groups), *self.between_pools.values()]
        near = all(one.passes(confidence) for group in groups for one in group)
        return near and all(one.passes(confidence) for one in self.speed.values())


def rescale_bounds(speedup: Interval, measured: float, wanted: float) -> Interval:
    """Return bounds at the confidence ``wanted`` of those at ``measured``, on the logarithm.

    Bounds lie between those of Student's t and of the normal distribution: the larger of the two factors
    counts.
    """
    if measured == wanted:
        return speedup
    from scipy.special import stdtrit

    normal = NormalDist()
    factors = (
        normal.inv_cdf(wanted) / normal.inv_cdf(measured),
        stdtrit(_FREEDOM, wanted) / stdtrit(_FREEDOM, measured),
    )
    low, high = (max(factors) * math.log(bound / speedup.value) for bound in (speedup.low, speedup.high))
    return Interval(
        value=speedup.value, low=speedup.value * math.exp(low), high=speedup.value * math.exp(high)
    )


def judge_group(group: Sequence[DropCriterion], confidence: float, to_pass: float) -> CriterionResult:
    """Return the result of the criterion that is furthest from passing; all of the group have to pass.

    Any of them could fail by chance, so each fails at the Bonferroni level only; passing all needs no
    correction.
    """
    to_fail = 1 - (1 - confidence) / len(group)
    results = [(criterion, criterion.result(to_fail, to_pass, confidence)) for criterion in group]
    furthest = max(
        results,
        key=lambda one: (verdict_order(one[1].verdict), one[0].bounds(to_pass).high - one[0].limit),
    )
    return furthest[1]


def worst_verdict(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict that decides where all have to pass."""
    return max(verdicts, key=lambda verdict: _ORDER[verdict])


def verdict_order(verdict: Verdict | None) -> int:
    """Return what verdicts are sorted by: pass, inconclusive, fail, none."""
    return len(_ORDER) if verdict is None else _ORDER[verdict]
