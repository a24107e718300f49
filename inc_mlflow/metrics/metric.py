"""A metric knows its direction, and whether it is a mean of per-sample scores."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.metrics.labels import LabelKind
from inc_mlflow.records import ScoreRange
from inc_mlflow.spec.spec_model import SpecModel

NO_CLASS = np.iinfo(np.int64).min
"""Class of outputs that are NaN; it equals no label."""


class NamedMetric(SpecModel):
    """A metric of the registry; its fields are the options that a job can set.

    Outputs come by role, see ``reads``. NaN in them must never raise the value: where the metric decomposes
    it makes the score of its row the worst one, elsewhere the whole metric NaN, which passes no gate.
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
    """``missing`` needs the labels alone, as ``label``, so it can run before inference."""

    @abstractmethod
    def statistics(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """Reduce one batch to what the metric needs of each row, batch axis first."""

    @abstractmethod
    def aggregate(self, statistics: Arrays) -> np.ndarray | float:
        """Return one score per row where the metric decomposes, else one number for all rows."""

    def group(self, statistics: Arrays) -> Arrays:
        """Turn all rows into the units that are resampled: the rows, unless several belong together."""
        return statistics

    def missing(self, statistics: Arrays) -> str:
        """Return what the labels of the rows lack for the metric to be defined; empty where nothing."""
        return ""

    def row_weights(self, statistics: Arrays) -> np.ndarray:
        """Return how much each row counts, shape (n,), from its labels alone.

        Only ratios matter. The gate uses them to see where few rows decide the value. Called only where the
        metric does not decompose.
        """
        return np.ones(len(next(iter(statistics.values()))))

    def score(self, statistics: Arrays, reference: Arrays) -> np.ndarray | float:
        """Aggregate; ``reference`` holds the baseline's statistics of the same rows."""
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
    """Return what the labels of grouped rows lack; None of a callable, which does not tell."""
    foresees: bool
    """``missing`` needs the labels alone, as ``label``."""
    check_labels: Callable[[np.ndarray | None], object]
    """Raise DataError on labels of a batch that it cannot take."""
