"""Which of the models measured in one run is better than which, and in what sense.

A model is better than another where it is more than 5 % faster and no more than one standard error less accurate,
or more than one standard error more accurate and no more than 5 % slower. The standard error is that of the
difference of both, from the same rows or the same resamples. The metric must be better where higher.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from inc_mlflow.records import Row

FASTER = 1.05


@dataclass(frozen=True)
class Comparison:
    """All rows of the gate's table and each model's outcomes."""

    rows: Mapping[str, Row]
    outcomes: Mapping[str, np.ndarray]
    """Scores of the rows, or where ``decomposable`` is false values of the resamples."""
    decomposable: bool

    def better(self, one: str, than: str) -> bool:
        """Tell whether a model is better than another; one without a metric or speed is not."""
        first, second = self.rows[one], self.rows[than]
        if not (first.accuracy and first.speedup and second.accuracy and second.speedup):
            return False
        gain, noise = first.accuracy.value - second.accuracy.value, self.standard_error(one, than)
        ratio = first.speedup.value / second.speedup.value
        return (ratio > FASTER and gain >= -noise) or (gain > noise and ratio >= 1 / FASTER)

    def standard_error(self, one: str, other: str) -> float:
        """Return the standard error of the difference of two models' metrics."""
        difference = self.outcomes[one] - self.outcomes[other]
        return float(difference.std(ddof=1) / (np.sqrt(len(difference)) if self.decomposable else 1))

    def best(self, labels: Iterable[str], otherwise: str) -> str:
        """Return the first of these in the table that the gate does not refuse; else FP32 is kept."""
        wanted = set(labels)
        found = (name for name, row in self.rows.items() if name in wanted and row.verdict != "fail")
        return next(found, otherwise)
