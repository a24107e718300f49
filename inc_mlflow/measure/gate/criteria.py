"""One question of the gate: whether a loss is within its limit. Three answers, and a sentence."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from inc_mlflow.formatting import decimal, percent, rounded_up
from inc_mlflow.measure.stats.paired import Bounds
from inc_mlflow.records import Interval, Verdict

_ORDER: dict[Verdict, int] = {"pass": 0, "inconclusive": 1, "fail": 2}


@dataclass(frozen=True)
class Opinion:
    """One question answered."""

    verdict: Verdict
    reason: str


@dataclass(frozen=True)
class Question:
    """Non-inferiority on the ``rows`` rows of ``of``, or on what ``unit`` names; ``show`` writes a loss."""

    what: str
    bounds: Bounds
    limit: float
    show: Callable[[float], str]
    rows: int
    of: str = "validation"
    unit: str = "rows"
    note: str = ""
    """What the answer rests on; ends its sentence."""

    def passes(self, confidence: float) -> bool:
        """Tell whether the loss is shown to be within the limit."""
        return self.bounds(confidence).high <= self.limit

    def opinion(self, to_fail: float, to_pass: float, asked_for: float) -> Opinion:
        """Answer with the confidence that each answer needs.

        The sentence names one that is not ``asked_for``.
        """
        loss, least = self.bounds(to_pass), self.bounds(to_fail).low
        text, allowed = f"{self.what} drops by {self.show(loss.value)}", f"allowed is {self.show(self.limit)}"
        surely = f" at {percent(to_pass)} confidence" if to_pass > asked_for else ""
        if least > self.limit:
            return Opinion("fail", f"{text}, at least {self.show(least)}; {allowed}{self.note}")
        if loss.high <= self.limit:
            return Opinion("pass", f"{text}, at most {self.show(loss.high)}{surely}; {allowed}{self.note}")
        could = f"but it could be {self.show(loss.low)} to {self.show(loss.high)}{surely}"
        return Opinion("inconclusive", f"{text}, {could}; {allowed}, {self._needed(loss)}{self.note}")

    def _needed(self, loss: Interval) -> str:
        """Estimate the rows that would decide: an interval shrinks with the square root of their number."""
        gap = abs(self.limit - loss.value)
        reach = loss.high - loss.value if loss.value <= self.limit else loss.value - loss.low
        if gap < 1e-9:
            return f"and no number of {self.unit} can decide a drop that equals the limit"
        needed = rounded_up(self.rows * (reach / gap) ** 2)
        return f"about {decimal(needed)} {self.unit} would decide, {self.of} has {decimal(self.rows)}"


def answer(group: Sequence[Question], confidence: float, to_pass: float) -> Opinion:
    """Answer questions that all have to pass by the one that is furthest from it.

    Any of them could fail by chance, so each fails at the Bonferroni level only; passing all needs no
    correction.
    """
    to_fail = 1 - (1 - confidence) / len(group)
    opinions = [(question, question.opinion(to_fail, to_pass, confidence)) for question in group]
    return max(opinions, key=lambda one: (rank(one[1].verdict), one[0].bounds(to_pass).high - one[0].limit))[
        1
    ]


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict that decides where all have to pass."""
    return max(verdicts, key=lambda verdict: _ORDER[verdict])


def rank(verdict: Verdict | None) -> int:
    """Order verdicts: pass, inconclusive, fail; nothing said comes last."""
    return len(_ORDER) if verdict is None else _ORDER[verdict]
