"""How much better claims are than what was found, where rows were drawn and run again on other hardware."""

import math

import numpy as np
from scipy.special import stdtrit


def overclaimed(gains: np.ndarray, rows: int, confidence: float) -> float:
    """Return the least by which claims are too good on average over all ``rows``, from the gains on those that were drawn.

    A one-sided bound by Student's t, less what drawing without replacement leaves no doubt about (Cochran,
    Sampling Techniques, 1977, chapter 2): where all rows were run it is the mean itself.
    """
    mean, drawn = float(gains.mean()), len(gains)
    if drawn >= rows:
        return mean
    if drawn == 1:
        return -math.inf
    error = float(gains.std(ddof=1)) * math.sqrt((1 - drawn / rows) / drawn)
    return mean - float(stdtrit(drawn - 1, confidence)) * error
