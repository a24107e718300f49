"""A metric knows its direction, and whether it is a mean of per-sample scores."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Outputs = dict[str, np.ndarray]


@dataclass(frozen=True)
class NamedMetric:
    """A metric of the table, on one graph output.

    ``keep`` reduces a batch of that output to what ``score`` needs, batch axis first. ``score`` takes what was kept
    and the labels, and returns one score per sample, or one number where the metric does not decompose.
    """

    name: str
    summary: str
    keep: Callable[[np.ndarray], np.ndarray]
    score: Callable[[np.ndarray, np.ndarray], np.ndarray | float]
    decomposable: bool
    higher_is_better: bool = True
    binary: bool = False


@dataclass(frozen=True)
class Metric:
    """A metric ready for use on all outputs of a model: ``score(kept, labels, kept of the baseline)``."""

    name: str
    keep: Callable[[Outputs], Outputs]
    score: Callable[[Outputs, np.ndarray | None, Outputs], np.ndarray | float]
    decomposable: bool
    higher_is_better: bool
    binary: bool
    """Per-sample scores are 0 or 1 only."""
    needs_labels: bool
