"""The best class."""

from typing import Annotated

import numpy as np
from pydantic import Field

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import DataError
from inc_mlflow.metrics.metric import NO_CLASS
from inc_mlflow.metrics.postprocess.postprocess import Postprocess


class Argmax(Postprocess):
    """Of a tie the first, of NaN no class that a label could be."""

    axis: Annotated[int, Field(description="Axis of the classes; 0 counts rows.")] = -1

    reads = ("logits",)
    gives = ("logits",)

    def __call__(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """Logits with a class axis -> int64 without it."""
        logits = outputs["logits"]
        if self.axis % logits.ndim == 0 or not -logits.ndim <= self.axis < logits.ndim:
            raise DataError(
                f"metric.postprocess.axis: {self.axis} is no axis of classes "
                f"in outputs of shape {logits.shape}"
            )
        lost = np.isnan(logits).any(axis=self.axis)
        return {"logits": np.where(lost, NO_CLASS, logits.argmax(axis=self.axis))}
