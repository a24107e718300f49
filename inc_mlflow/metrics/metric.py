"""A metric knows its direction, and whether it is a mean of per-sample scores."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.metrics.labels import LabelKind
from inc_mlflow.records import ScoreRange
from inc_mlflow.spec.spec_model import Part

NO_CLASS = np.iinfo(np.int64).min
"""Class of outputs that are NaN: no label is that."""


class NamedMetric(Part):
    """A metric of the table; its fields are the options that a job can set.

    Outputs come by role, see ``reads``. NaN in them is never better than any number: it makes the score of
    its row the worst one where a metric decomposes, and the whole metric NaN, which passes no gate, where it
    does not.
    """

    unit: ClassVar[str]
    reads: ClassVar[tuple[str, ...]]
    """Roles of the outputs it takes."""
    labels: ClassVar[LabelKind | None]
    """None where it needs none."""
    decomposable: ClassVar[bool]
    higher_is_better: ClassVar[bool] = True
    score_range: ClassVar[ScoreRange] = (0.0, 1.0)
    """The least and the largest score there is, of a row where the metric decomposes; None where there is no
    such end."""
    binary: ClassVar[bool] = False
    """Per-sample scores are 0 or 1 only."""
    foresees: ClassVar[bool] = False
    """``missing`` reads only ``label``, as the data has it: it can be asked before any work."""

    @abstractmethod
    def statistics(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """Reduce one batch to what the metric needs of each row, batch axis first."""

    @abstractmethod
    def aggregate(self, statistics: Arrays) -> np.ndarray | float:
        """Return one score per row where the metric decomposes, else one number for all rows."""

    def group(self, statistics: Arrays) -> Arrays:
        """Turn all rows into what is resampled: the rows themselves, unless several of them belong together."""
        return statistics

    def missing(self, statistics: Arrays) -> str:
        """Say what the rows lack, by their labels alone, for the metric to be defined.

        Empty where nothing.
        """
        return ""

    def row_weights(self, statistics: Arrays) -> np.ndarray:
        """Return how much each row counts, by its labels alone, shape (n,): what few rows decide, few rows can spoil.

        Only ratios of weights matter. Asked where the metric does not decompose.
        """
        return np.ones(len(next(iter(statistics.values()))))

    def score(self, statistics: Arrays, reference: Arrays) -> np.ndarray | float:
        """Aggregate, where need be against the baseline's statistics of the same rows."""
        return self.aggregate(statistics)


@dataclass(frozen=True)
class Metric:
    """A metric ready for use on all outputs of a model: ``score(kept, kept of the baseline)``."""

    name: str
    keep: Callable[[Arrays, np.ndarray | None], Arrays]
    """Reduce a batch of outputs and labels, batch axis first."""
    group: Callable[[Arrays], Arrays]
    """From all rows to what is resampled; only where the metric does not decompose."""
    score: Callable[[Arrays, Arrays], np.ndarray | float]
    decomposable: bool
    higher_is_better: bool
    score_range: ScoreRange
    """The least and the largest score there is; None where that is not known."""
    binary: bool
    """Per-sample scores are 0 or 1 only."""
    row_weights: Callable[[Arrays], np.ndarray] | None
    """How much each of the grouped rows counts, shape (n,); None of a callable, which does not tell."""
    missing: Callable[[Arrays], str] | None
    """Say what grouped rows lack by their labels alone; None of a callable, whose labels nobody else
    understands."""
    foresees: bool
    """``missing`` takes the labels themselves, as ``label``."""
    check_labels: Callable[[np.ndarray | None], object]
    """Raise DataError on labels of a batch that it cannot take."""
