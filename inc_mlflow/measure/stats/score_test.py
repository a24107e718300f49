"""Score tests of paired proportions. Light to import: a run needs them before anything else."""

import math
from statistics import NormalDist


def quantile(confidence: float) -> float:
    """Return the standard normal's quantile."""
    return NormalDist().inv_cdf(confidence)


def ratio_statistic(both: int, lost: int, gained: int, rows: int, ratio: float) -> float:
    """Return the score statistic of "candidate's share right = ratio x baseline's"; positive if better.

    ``both`` rows are right in both models, ``lost`` in the baseline only, ``gained`` in the candidate only.
    Tang, Tang & Chan, Statistics in Medicine 22, 2003.
    """
    difference = both + gained - ratio * (both + lost)
    a = rows * (1 + ratio)
    b = (both + lost) * ratio**2 - (both + gained + 2 * lost)
    c = lost * (1 - ratio) * (both + gained + lost) / rows
    lost_share = (-b + math.sqrt(max(b * b - 4 * a * c, 0.0))) / (2 * a)
    variance = rows * (1 + ratio) * lost_share + (both + gained + lost) * (ratio - 1)
    return _standardised(difference, variance)


def difference_statistic(lost: int, gained: int, rows: int, drop: float) -> float:
    """Return the score statistic of "baseline's share right - candidate's = drop"; positive if less.

    ``lost`` rows are right in the baseline only, ``gained`` in the candidate only.

    Tango, Statistics in Medicine 17, 1998.
    """
    a = 2 * rows
    b = (2 * rows - lost + gained) * drop - lost - gained
    c = -gained * drop * (1 - drop)
    gained_share = (-b + math.sqrt(max(b * b - 4 * a * c, 0.0))) / (2 * a)
    variance = rows * (2 * gained_share + drop * (1 - drop))
    return _standardised(rows * drop - (lost - gained), variance)


def unseen(rows: int, confidence: float) -> float:
    """Return the largest share of rows that may differ when none of ``rows`` did.

    It is the exact binomial bound, about 3 / rows at 95 %. The score test would say 2.7 / rows. Where so many
    rows just suffice, that would promote 6 % of the candidates that stand exactly at the limit.
    """
    return -math.expm1(math.log1p(-confidence) / rows)


def _standardised(difference: float, variance: float) -> float:
    if difference == 0:
        return 0.0
    return difference / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, difference)
