"""A step between a model's outputs and a metric."""

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.metrics.labels import LabelKind
from inc_mlflow.spec.spec_model import SpecModel


class Postprocess(SpecModel):
    """Named in a job as ``metric.postprocess``; its fields are the options that a job can set.

    NaN stays visible in what it gives, as NaN or as ``text.BROKEN``, so that a metric can count it as wrong.
    """

    reads: ClassVar[tuple[str, ...]]
    """Roles of the graph outputs it takes."""
    gives: ClassVar[tuple[str, ...]]
    """Roles that a metric finds."""
    labels: ClassVar[LabelKind | None] = None
    """What the labels must hold besides what the metric needs; None where it reads no labels."""

    @abstractmethod
    def __call__(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """Turn one batch of outputs, by role, into what a metric reads, batch axis first."""
