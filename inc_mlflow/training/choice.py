"""Which epoch is handed over: the best on tuning, but the start unless one is better by more than chance."""

from collections.abc import Callable, Sequence

import numpy as np

from inc_mlflow.engines.trainable import TuningOutcome

_NEARER = 1.001
"""Standard errors by which outputs must be nearer; one row more is exactly one of them, and chance."""
_BETTER = 2.0
"""Standard errors by which a score must be better where outputs are not nearer. One is too few: of ten
trainings at a rate that was far too high one was better by that on 500 rows, with outputs twice as far off,
and worse on other rows."""


def choose_epoch(outcomes: Sequence[TuningOutcome]) -> int:
    """Return the number of the epoch to hand over; ``outcomes[0]`` is that of the start.

    Among many epochs one is better than the start by chance. So an epoch must have no lower score, and
    either outputs nearer to the baseline's by one standard error of the difference, row by row, or a score
    better by two. Of these the one with the best score is returned, of equal ones the nearest.
    """
    start = outcomes[0]
    found = [number for number, one in enumerate(outcomes) if number and _is_better(one, start)]
    return _best(outcomes, found) or 0


def best_from(first: int) -> Callable[[Sequence[TuningOutcome]], int | None]:
    """Return what chooses the best epoch, by ``choose_epoch``'s order, among those from ``first`` on.

    Epochs before are no choice: they are not what was asked for. None where there is no other yet.
    """

    def choose(outcomes: Sequence[TuningOutcome]) -> int | None:
        found = [number for number, one in enumerate(outcomes) if number >= first and _is_finite(one)]
        return _best(outcomes, found)

    return choose


def _best(outcomes: Sequence[TuningOutcome], found: Sequence[int]) -> int | None:
    """Return the number with the best score, of equal ones the nearest; None where none was found."""
    return max(found, key=lambda number: _rank(outcomes[number]), default=None)


def _is_finite(one: TuningOutcome) -> bool:
    return bool(np.isfinite(one.scores).all() and np.isfinite(one.distances).all())


def _rank(one: TuningOutcome) -> tuple[float, float]:
    return float(one.scores.mean()), -float(one.distances.mean()) if one.distances.size else 0.0


def _is_better(one: TuningOutcome, start: TuningOutcome) -> bool:
    if not _is_finite(one):
        return False
    if one.scores.mean() < start.scores.mean():
        return False
    nearer = _exceeds(-one.distances, -start.distances, _NEARER)
    return nearer or _exceeds(one.scores, start.scores, _BETTER)


def _exceeds(found: np.ndarray, start: np.ndarray, errors: float) -> bool:
    """Tell whether values are larger by more than so many standard errors of their difference."""
    difference = found - start
    if not difference.size:
        return False
    error = float(difference.std(ddof=1)) / np.sqrt(len(difference)) if len(difference) > 1 else 0.0
    return bool(difference.mean() > errors * error)
