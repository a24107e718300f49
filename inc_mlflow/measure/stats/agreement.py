"""How much claimed scores beat those of the same rows, run again on other hardware."""

import math

import numpy as np
from scipy.special import stdtrit


def overclaimed(gains: np.ndarray, rows: int, confidence: float) -> float:
    """Return the lower bound of how much claims are too good on average over all ``rows``.

    ``gains``, shape (drawn,), are claimed less found scores of the rows that were drawn. The bound is
    one-sided, by Student's t with the correction for drawing without replacement (Cochran, Sampling
    Techniques, 1977, chapter 2): where all rows were run again it is the mean itself.
    """
    mean, drawn = float(gains.mean()), len(gains)
    if drawn >= rows:
        return mean
    if drawn == 1:
        return -math.inf
    error = float(gains.std(ddof=1)) * math.sqrt((1 - drawn / rows) / drawn)
    return mean - float(stdtrit(drawn - 1, confidence)) * error
