"""How far a ratio of speeds differs between whole benchmarks: what no repetition within one can see.

Its part of the bounds is of type B in the words of GUM, the Guide to the expression of uncertainty.
"""

import math
from collections.abc import Sequence

import numpy as np

from inc_mlflow.records import Interval

CPU_TIME_REPEATABILITY = 0.01
"""Relative standard deviation of the ratio between whole benchmarks, which no repetition within one can see:
the state of the machine changes slowly. Measured with ``tests/benchmarks/repeatability.py``: up to 0.011."""
BUSY_CACHE_REPEATABILITY = 0.05
"""The same where other processes work on CPUs that share a cache with the instance: they take cache and
memory bandwidth, which CPU time does not show, for as long as the benchmark runs. Measured beside copies of
memory: ratios moved by nothing (0.4 MB of weights), 0.035 (84 MB) and 0.05 to 0.10 (weights that just fit
into a shared cache)."""
BUSY_CACHE = 0.10
"""Share of the time of the CPUs that share a cache, above which other processes are taken to work there."""
WALL_TIME_REPEATABILITY = 0.017
"""Relative standard deviation of the ratio between whole benchmarks in wall time. Measured with
``tests/benchmarks/repeatability.py``: 0.005 to 0.017."""
SLOW_CHANGE = 0.3
"""Variance between whole benchmarks beyond that of their generations' mean, as a share of the variance
between generations: the machine changes more slowly than a benchmark lasts. From none of it (0.4 MB) to all
of it (weights that just fit into a shared cache) was seen."""


def repeatability(neighbours: Sequence[float | None]) -> float:
    """Return the relative deviation between whole benchmarks by CPU time.

    ``neighbours`` are the shares that others used of the CPUs that share a cache, one per generation; None
    (cannot be read) counts as busy. Their mean counts: who works beside only some generations makes those
    differ from the others, which the bounds hold already.
    """
    known = [share for share in neighbours if share is not None]
    quiet = len(known) == len(neighbours) and float(np.mean(known)) <= BUSY_CACHE
    return CPU_TIME_REPEATABILITY if quiet else BUSY_CACHE_REPEATABILITY


def between_generations(generations: np.ndarray, confidence: float, repeatability: float) -> float:
    """Return how far a ratio reaches for what differs between processes and between whole benchmarks.

    ``generations`` are logarithms of ratios, shape (generations,). The degrees of freedom are those of Welch
    and Satterthwaite (GUM, G.4).
    """
    from scipy.special import stdtrit

    count = len(generations)
    seen = float(generations.var(ddof=1)) * (1 / count + SLOW_CHANGE) if count > 1 else 0.0
    variance = seen + repeatability**2
    freedom = (count - 1) * (variance / seen) ** 2 if seen else math.inf
    return float(stdtrit(freedom, confidence)) * math.sqrt(variance)


def ratio_interval(value: float, below: float, above: float, type_b: float) -> Interval:
    """Join distances on the logarithm: those seen within a benchmark, and one that cannot be seen there."""
    low, high = -np.hypot(below, type_b), np.hypot(above, type_b)
    return Interval(value=value, low=value * float(np.exp(low)), high=value * float(np.exp(high)))
