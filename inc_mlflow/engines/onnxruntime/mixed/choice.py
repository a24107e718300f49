"""Which assignments are built, and which of those that were are worth a trial."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeVar

from inc_mlflow.engines.onnxruntime.mixed.writer import Assignment

USABLE = 0.36
"""Largest error of the outputs: where none is off by more than 60 % of its root mean square."""
_WORTH = 0.3
"""A recipe with less than this share of the best one's gain is no choice."""
_NEAR = 1.03
"""Profiles differ by about so much: one that is nearly the fastest may be it."""
_RECIPES = 4
_BUILT = 3
"""Assignments that are built and profiled in a round."""
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class MeasuredAssignment:
    """An assignment that was built: its measured seconds per batch, and the error of its outputs."""

    assignment: Assignment
    seconds: float
    error: float
    whole: bool = True
    """Every unit in INT8 has an integer kernel: a recipe may name it."""

    @property
    def usable(self) -> bool:
        """Tell whether a recipe may name it, and its outputs are near those of the baseline."""
        return self.whole and self.error <= USABLE


def underestimated(pairs: Iterable[tuple[float, float]]) -> float:
    """Return by which factor errors, given as (predicted, measured), are larger than predicted; at least 1.

    Errors of tensors alone leave out that one makes the next larger.
    """
    ratios = [measured / predicted for predicted, measured in pairs if predicted > 0]
    return max(1.0, median(ratios)) if ratios else 1.0


def to_build(solved: Sequence[tuple[Assignment, float]]) -> list[Assignment]:
    """Return some assignments, given with their expected errors, the fastest first.

    They are spread over those whose outputs are expected to be of use; without any, the most exact.
    """
    usable = [assignment for assignment, error in solved if error <= USABLE]
    return _spread(usable, _BUILT) or [assignment for assignment, _ in solved[-_BUILT:]]


def worth_a_trial(measured: Iterable[MeasuredAssignment], fp32: float) -> list[MeasuredAssignment]:
    """Return the front of time and error, fastest first, and what is nearly as fast as the fastest.

    What gains little of ``fp32`` seconds beside the fastest is left out.
    """
    front: list[MeasuredAssignment] = []
    for one in sorted((one for one in measured if one.usable), key=lambda one: (one.seconds, one.error)):
        worth = not front or fp32 - one.seconds >= _WORTH * (fp32 - front[0].seconds)
        exact = all(one.error < other.error for other in front)
        if worth and (exact or one.seconds <= front[0].seconds * _NEAR):
            front.append(one)
    return _spread(front, _RECIPES)


def _spread(items: Sequence[_Item], count: int) -> list[_Item]:
    """Return at most ``count`` of the items, the first and the last among them, evenly spread."""
    if len(items) <= count:
        return list(items)
    return [items[round(place * (len(items) - 1) / (count - 1))] for place in range(count)]
