"""The score test of the ratio of paired proportions. Light to import: a run plans with it before anything else."""

import math
from statistics import NormalDist


def quantile(confidence: float) -> float:
    """Return the standard normal's quantile."""
    return NormalDist().inv_cdf(confidence)


def score_statistic(both: int, lost: int, gained: int, rows: int, ratio: float) -> float:
    """Return the score statistic of "candidate's share right = ratio x baseline's", positive where it is better.

    ``both`` rows are right in both models, ``lost`` in the baseline only, ``gained`` in the candidate only.
    """
    difference = both + gained - ratio * (both + lost)
    a = rows * (1 + ratio)
    b = (both + lost) * ratio**2 - (both + gained + 2 * lost)
    c = lost * (1 - ratio) * (both + gained + lost) / rows
    lost_share = (-b + math.sqrt(max(b * b - 4 * a * c, 0.0))) / (2 * a)
    variance = rows * (1 + ratio) * lost_share + (both + gained + lost) * (ratio - 1)
    if difference == 0:
        return 0.0
    return difference / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, difference)
