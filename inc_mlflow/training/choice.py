"""Which epoch is handed over: the best on tuning, but the start unless one is better by more than chance."""

from collections.abc import Callable, Sequence

import numpy as np

from inc_mlflow.engines.trainable import TuningOutcome

_MORE = 1.001
"""One row more is exactly one standard error, and chance."""


def choose_epoch(outcomes: Sequence[TuningOutcome]) -> int:
    """Return the number of the epoch to hand over; ``outcomes[0]`` is that of the start.

    Among many epochs one is better than the start by chance. So an epoch must have no lower score, and
    either a better score or outputs nearer to the baseline's by one standard error of the difference, row
    by row. Of these the one with the best score is returned, of equal ones the nearest.
    """
    start = outcomes[0]
    found = [number for number, one in enumerate(outcomes) if number and _is_better(one, start)]
    return max(found, key=lambda number: _rank(outcomes[number]), default=0)


def best_from(first: int) -> Callable[[Sequence[TuningOutcome]], int | None]:
    """Return what chooses the best epoch, by ``choose_epoch``'s order, among those from ``first`` on.

    Epochs before are no choice: they are not what was asked for. None where there is no other yet.
    """

    def choose(outcomes: Sequence[TuningOutcome]) -> int | None:
        found = [
            number
            for number, one in enumerate(outcomes)
            if number >= first and np.isfinite(one.scores).all() and np.isfinite(one.distances).all()
        ]
        return max(found, key=lambda number: _rank(outcomes[number]), default=None)

    return choose


def _rank(one: TuningOutcome) -> tuple[float, float]:
    return float(one.scores.mean()), -float(one.distances.mean()) if one.distances.size else 0.0


def _is_better(one: TuningOutcome, start: TuningOutcome) -> bool:
    if not (np.isfinite(one.scores).all() and np.isfinite(one.distances).all()):
        return False
    if one.scores.mean() < start.scores.mean():
        return False
    return _exceeds(one.scores, start.scores) or _exceeds(-one.distances, -start.distances)


def _exceeds(found: np.ndarray, start: np.ndarray) -> bool:
    """Tell whether values are larger by more than one standard error of their difference."""
    difference = found - start
    if not difference.size:
        return False
    error = float(difference.std(ddof=1)) / np.sqrt(len(difference)) if len(difference) > 1 else 0.0
    return bool(difference.mean() > _MORE * error)
