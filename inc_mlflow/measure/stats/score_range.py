"""How far scores can fall and rise in the range that a metric declares."""

import numpy as np

from inc_mlflow.records import ScoreRange

UNDECLARED: ScoreRange = (None, None)
"""The range of a metric that declares neither a least nor a largest score."""


def headroom(
    scores: np.ndarray,
    between: ScoreRange,
    higher_is_better: bool,
    open_end: float,
    best: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return what each of the baseline's ``scores``, shape (n,), can lose and gain, in the metric's unit.

    A score loses at most its distance to the worst one there is, and gains that to the best one. Where the
    metric declares no such end, ``open_end`` stands for that distance; or the score ``best`` for the best one
    there is.
    """
    low, high = between
    if best is not None and higher_is_better:
        high = best if high is None else high
    elif best is not None:
        low = best if low is None else low
    below = np.full_like(scores, open_end) if low is None else np.maximum(scores - low, 0.0)
    above = np.full_like(scores, open_end) if high is None else np.maximum(high - scores, 0.0)
    return (below, above) if higher_is_better else (above, below)


def declares_worst(between: ScoreRange, higher_is_better: bool) -> bool:
    """Tell whether the metric says what a row can lose."""
    return between[0 if higher_is_better else 1] is not None


def largest_score(scores: np.ndarray) -> float:
    """Return the largest magnitude of scores; 1 where all are 0.

    A row is taken to lose no more than that where the metric declares no end.
    """
    return float(np.abs(scores).max()) or 1.0
