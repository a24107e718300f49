"""The gate's question about speed: is a candidate as much faster as it has to be?"""

import math
from dataclasses import dataclass
from statistics import NormalDist

from inc_mlflow.formatting import percent, times
from inc_mlflow.measure.gate.criteria import Opinion
from inc_mlflow.records import BenchmarkRecord, Interval

_FREEDOM = 4
"""Degrees of freedom that a benchmark has at least: those of 5 generations of processes; 16 batches and 20
rounds have more."""


@dataclass(frozen=True)
class Faster:
    """Whether ``label`` is at least ``needed`` times as fast as the baseline."""

    label: str
    record: BenchmarkRecord
    needed: float

    def at(self, confidence: float) -> Interval | None:
        """Return the ratio with its bounds; None where it could not be measured."""
        found = self.record.speedup.get(self.label) if self.record.valid else None
        return found and rescaled(found, self.record.confidence, confidence)

    def passes(self, confidence: float) -> bool:
        """Tell whether it is shown to be fast enough."""
        ratio = self.at(confidence)
        return ratio is not None and ratio.low >= self.needed

    def opinion(self, confidence: float, to_pass: float) -> Opinion:
        """Answer: fail at ``confidence``, pass at ``to_pass``, which takes the other candidates into account."""
        ratio, plain = self.at(to_pass), self.at(confidence)
        if ratio is None or plain is None:
            why = "; ".join(self.record.reasons) or "no ratio"
            return Opinion("inconclusive", f"the speed could not be measured: {why}")
        text, needed = f"{times(ratio.value)} as fast as the baseline", f"needed is {times(self.needed)}"
        surely = f" at {percent(to_pass)} confidence" if to_pass > confidence else ""
        if ratio.low >= self.needed:
            return Opinion("pass", f"{text}, at least {times(ratio.low)}{surely}; {needed}")
        if plain.high < self.needed:
            return Opinion("fail", f"{text}, at most {times(plain.high)}; {needed}")
        could = f"but it could be {times(ratio.low)} to {times(ratio.high)}{surely}"
        return Opinion("inconclusive", f"{text}, {could}; {needed}")


def rescaled(ratio: Interval, measured: float, wanted: float) -> Interval:
    """Return bounds at another confidence than they were measured at, on the logarithm.

    Bounds lie between Student's and the normal law: of the two factors the larger one counts.
    """
    if measured == wanted:
        return ratio
    from scipy.special import stdtrit

    normal = NormalDist()
    factors = (
        normal.inv_cdf(wanted) / normal.inv_cdf(measured),
        stdtrit(_FREEDOM, wanted) / stdtrit(_FREEDOM, measured),
    )
    low, high = (max(factors) * math.log(bound / ratio.value) for bound in (ratio.low, ratio.high))
    return Interval(value=ratio.value, low=ratio.value * math.exp(low), high=ratio.value * math.exp(high))
