"""Splits drawn from a known truth: how often the gate promotes, and how often its bounds hold the truth."""

from dataclasses import dataclass

import numpy as np

from inc_mlflow.measure.stats.binary import relative_bounds
from inc_mlflow.records import Interval

RIGHT = 0.89
"""Share of rows that FP32 has right."""
LIMIT = 0.01
DRAWS = 2000


@dataclass(frozen=True)
class Truth:
    """A candidate that loses ``drop`` of the baseline's metric and differs from it on a share of all rows."""

    rows: int
    disagreement: float
    drop: float

    def draw(self, seed: int, draws: int) -> np.ndarray:
        """Return counts of shape (draws, 3): rows right in both models, in the baseline, in the candidate."""
        lost = (self.disagreement + self.drop * RIGHT) / 2
        gained = self.disagreement - lost
        shares = [RIGHT - lost, lost, gained, 1 - RIGHT - gained]
        return np.random.default_rng(seed).multinomial(self.rows, shares, draws)[:, :3]


def bounds(truth: Truth, confidence: float, seed: int = 20, draws: int = DRAWS) -> list[Interval]:
    """Return the interval of the drop on each draw; equal draws are computed once."""
    counts, inverse = np.unique(truth.draw(seed, draws), axis=0, return_inverse=True)
    found = [relative_bounds(*map(int, row), truth.rows, confidence) for row in counts]
    return [found[index] for index in inverse.ravel()]


def coverage(intervals: list[Interval], drop: float) -> tuple[float, float, float]:
    """Return the shares of intervals whose lower bound, upper bound and both hold the truth."""
    low = np.array([one.low <= drop for one in intervals])
    high = np.array([drop <= one.high for one in intervals])
    return float(low.mean()), float(high.mean()), float((low & high).mean())
