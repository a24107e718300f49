"""How often bounds keep their promise: shares of promoted draws, and of intervals that hold the truth."""

import numpy as np
from scipy import stats

from inc_mlflow.measure.stats.paired import Bounds
from tests.support.drawn_splits import LIMIT

MOST, LEAST = 0.056, 0.935
"""Share that may be promoted at the limit, and share of intervals that must hold the truth."""


def promoted(bounds: list[Bounds]) -> float:
    return float(np.mean([one(0.95).high <= LIMIT for one in bounds]))


def coverage(bounds: list[Bounds]) -> tuple[float, float, float]:
    """Return the shares of intervals whose lower bound, upper bound, and both bounds hold the truth.

    Both bounds are those of the confidence of two sides.
    """
    one, two = [bound(0.95) for bound in bounds], [bound(0.975) for bound in bounds]
    low, high = (
        np.mean([found.low <= LIMIT for found in one]),
        np.mean([found.high >= LIMIT for found in one]),
    )
    return float(low), float(high), float(np.mean([found.low <= LIMIT <= found.high for found in two]))


def error(share: float, draws: int) -> float:
    """Two standard errors of a share that was counted."""
    return 2 * float(np.sqrt(share * (1 - share) / draws))


def exact_power(rows: int, drop: float) -> float:
    """Return how often an exact 5 % test passes on rows that are right or wrong.

    The test draws lots on the count at which its level lies between two values.
    """
    counts = np.arange(rows + 1)
    surely = stats.binom.cdf(counts, rows, LIMIT)
    most = int(np.searchsorted(surely, 0.05, side="right"))
    below = float(surely[most - 1]) if most else 0.0
    lot = (0.05 - below) / (float(surely[most]) - below)
    power = stats.binom.cdf(most - 1, rows, drop) if most else 0.0
    return float(power + lot * stats.binom.pmf(most, rows, drop))
