"""The learning rate of each step, and a search for one by short trials."""

import math
from collections.abc import Callable

WARM_UP = 0.05
"""Share of the steps in which the rate rises: the first gradients of Adam have no history."""
TRIED = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3)
"""Rates that a search tries, each on the same few steps."""


def rate_at(step: int, steps: int, largest: float, schedule: str) -> float:
    """Return the rate of a step, counted from 0: a short rise, then a cosine to zero or no change."""
    rise = max(1, round(WARM_UP * steps))
    if step < rise:
        return largest * (step + 1) / rise
    if schedule == "constant":
        return largest
    return largest * (1 + math.cos(math.pi * (step - rise) / max(1, steps - rise))) / 2


def find_rate(loss_after: Callable[[float], float], start: float) -> float:
    """Return the largest rate whose trial ends below the loss ``start``; the smallest where none does.

    The rate that is best after a few steps is too small for many: it has had no time to come back from
    its first steps. A loss that is no number is below nothing.
    """
    better = (rate for rate in reversed(TRIED) if loss_after(rate) < start)
    return next(better, TRIED[0])
