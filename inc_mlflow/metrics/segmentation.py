"""Metrics of one class per pixel."""

from typing import Annotated

import numpy as np
from pydantic import Field

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import DataError
from inc_mlflow.metrics.labels import MASK
from inc_mlflow.metrics.metric import NamedMetric


class MeanIoU(NamedMetric):
    """Intersection over union of each class over all pixels, averaged (the Jaccard index of PASCAL VOC).

    Outputs are logits (n, classes, height, width), or whole numbers (n, height, width): the classes
    themselves. A class that is neither predicted nor a label is left out of the average, in a resample too.
    """

    classes: Annotated[
        int | None, Field(ge=2, description="How many classes; by default as many as the logits have.")
    ] = None
    ignore: Annotated[int, Field(description="Label of pixels that do not count.")] = 255

    unit = "IoU"
    reads = ("logits",)
    labels = MASK
    decomposable = False

    def statistics(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """Pixels of each class that are right, predicted and labelled, each (n, classes)."""
        logits, masks = outputs["logits"], np.asarray(labels)
        classes = self._count(logits, masks)
        rows = [self._row(one, mask, classes) for one, mask in zip(logits, masks, strict=True)]
        return {
            name: np.stack([row[at] for row in rows])
            for at, name in enumerate(("right", "predicted", "labelled"))
        }

    def row_weights(self, statistics: Arrays) -> np.ndarray:
        """Pixels of each picture, by which every class weighs as much."""
        labelled = np.nan_to_num(np.asarray(statistics["labelled"], np.float64))
        return np.asarray((labelled / np.maximum(labelled.sum(axis=0), 1)).sum(axis=1))

    def aggregate(self, statistics: Arrays) -> float:
        """NaN where a pixel that counts has NaN, or no pixel counts."""
        right, predicted, labelled = (
            statistics[name].sum(axis=0) for name in ("right", "predicted", "labelled")
        )
        union = predicted + labelled - right
        if np.isnan(union).any() or not union.any():
            return float("nan")
        return float((right[union > 0] / union[union > 0]).mean())

    def missing(self, statistics: Arrays) -> str:
        """A pixel that counts; those of a model with NaN are not known, and its metric is NaN."""
        return "" if statistics["labelled"].any() else "pixel that counts"

    def _count(self, logits: np.ndarray, masks: np.ndarray) -> int:
        chosen = logits.ndim == 3 and logits.dtype.kind in "iu"
        if not chosen and logits.ndim != 4:
            raise DataError(
                f"metric: miou needs outputs of shape (n, classes, height, width), got {logits.shape}"
            )
        if logits.shape[-2:] != masks.shape[1:]:
            raise DataError(
                f"metric: outputs are {logits.shape[-2:]} pixels and labels {masks.shape[1:]}; "
                "store labels at the size of the outputs"
            )
        classes = self.classes if chosen else logits.shape[1]
        if classes is None:
            raise DataError("metric.options.classes: required where the model gives classes and no logits")
        counted = masks[masks != self.ignore]
        if counted.size and not (counted.min() >= 0 and counted.max() < classes):
            raise DataError(
                f"metric: labels {counted.min()} to {counted.max()} for {classes} classes; "
                "set metric.options.ignore"
            )
        return classes

    def _row(self, logits: np.ndarray, mask: np.ndarray, classes: int) -> list[np.ndarray]:
        counted = mask != self.ignore
        label = mask[counted].astype(np.int64)
        values = logits[..., counted]
        predicted = (values if values.ndim == 1 else values.argmax(axis=0)).astype(np.int64)
        if np.isnan(values).any() or not ((predicted >= 0) & (predicted < classes)).all():
            return [np.full(classes, np.nan)] * 3
        pixels = (predicted[predicted == label], predicted, label)
        return [np.bincount(one, minlength=classes).astype(np.float64) for one in pixels]
