"""Masks of a picture's size out of what segmenters give."""

from typing import Annotated

import numpy as np
from pydantic import Field

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import DataError
from inc_mlflow.metrics.detection import Picture, one_per_row
from inc_mlflow.metrics.labels import json_text, structured
from inc_mlflow.metrics.postprocess.detection import Detector
from inc_mlflow.metrics.postprocess.postprocess import Postprocess


class MaskRcnn(Detector):
    """Paste each mask into its box in the label's picture, by bilinear interpolation (He et al. 2017)."""

    normalized: Annotated[bool, Field(description="Boxes are shares of the picture's size.")] = False

    reads = ("boxes", "scores", "classes", "masks")
    gives = ("masks", "scores", "classes")
    labels = json_text(Picture)

    def __call__(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """Masks (n, most, side, side) and their boxes -> per row masks (most, height, width), as objects."""
        boxes, scores, classes, masks = (outputs[role] for role in self.reads)
        if masks.ndim != 4 or boxes.shape != (*masks.shape[:2], 4) or scores.shape != masks.shape[:2]:
            raise DataError(
                "metric: mask_rcnn needs boxes (n, most, 4), scores and classes (n, most), "
                f"masks (n, most, side, side), got {boxes.shape}, {scores.shape}, {classes.shape} "
                f"and {masks.shape}; set metric.outputs"
            )
        lost = (
            np.isnan(boxes).any(axis=2)
            | np.isnan(scores)
            | np.isnan(classes)
            | np.isnan(masks).any(axis=(2, 3))
        )
        # NaN comes first: a metric must see it, however few detections stay.
        best = np.argsort(np.where(lost, -np.inf, -scores), axis=1, kind="stable")[:, : self.max_detections]
        boxes, scores, classes, masks, lost = (
            one[np.arange(len(best))[:, None], best] for one in (boxes, scores, classes, masks, lost)
        )
        return {
            "masks": self._pasted(self._corners(boxes), masks, structured(np.asarray(labels), Picture)),
            "scores": np.where(lost, np.nan, scores),
            "classes": np.where(lost, 0, np.where(scores >= self.score_threshold, classes, -1)),
        }

    def _pasted(self, boxes: np.ndarray, masks: np.ndarray, pictures: list[Picture]) -> np.ndarray:
        rows = []
        for row, picture in enumerate(pictures):
            scale = [picture.width, picture.height] * 2 if self.normalized else 1
            pasted = [
                _paste(mask, box, picture) for mask, box in zip(masks[row], boxes[row] * scale, strict=True)
            ]
            rows.append(np.array(pasted, bool).reshape(-1, picture.height, picture.width))
        return one_per_row(rows)


def _paste(mask: np.ndarray, box: np.ndarray, picture: Picture) -> np.ndarray:
    """Where the mask is above one half in the picture's pixels, (height, width)."""
    across = _weights(box[0], box[2], picture.width, mask.shape[1])
    down = _weights(box[1], box[3], picture.height, mask.shape[0])
    return np.asarray(down @ mask.astype(np.float64) @ across.T > 0.5)


def _weights(start: float, stop: float, pixels: int, side: int) -> np.ndarray:
    """What each of ``side`` values adds to each of ``pixels``, whose centres lie at one half."""
    if not stop > start:
        return np.zeros((pixels, side))
    place = (np.arange(pixels) + 0.5 - start) / (stop - start) * side - 0.5
    return np.asarray((1 - np.abs(place[:, None] - np.arange(side))).clip(0))


class Duc(Postprocess):
    """Each value of the channels is one pixel of a block (Wang et al. 2018, dense upsampling convolution)."""

    classes: Annotated[int, Field(ge=2, description="How many.")]
    height: Annotated[int, Field(ge=1, description="Pixels of the labels.")]
    width: Annotated[int, Field(ge=1, description="Pixels of the labels.")]
    block: Annotated[int, Field(ge=1, description="Pixels of a block's side.")] = 4

    reads = ("logits",)
    gives = ("logits",)

    def __call__(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """Logits with classes, block and block before height and width -> (n, classes, height, width)."""
        logits, rows, columns = outputs["logits"], self.height // self.block, self.width // self.block
        shape = (len(logits), self.classes, self.block, self.block, rows, columns)
        if logits.size != np.prod(shape):
            raise DataError(
                f"metric: duc needs {np.prod(shape[1:])} values per row for its options, got {logits.shape}"
            )
        blocks = logits.reshape(shape).transpose(0, 1, 4, 2, 5, 3)
        return {"logits": blocks.reshape(len(logits), self.classes, rows * self.block, columns * self.block)}
