"""Detections out of what detectors give: boxes x1, y1, x2, y2 (n, most, 4), scores and classes (n, most).

Class -1 is none.
"""

from collections.abc import Callable
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import DataError
from inc_mlflow.metrics.boxes import overlap
from inc_mlflow.metrics.postprocess.postprocess import Postprocess

Detections = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Boxes (k, 4), scores (k,) and classes (k,) of one image."""
_BROKEN: Detections = (np.zeros((1, 4)), np.array([np.nan]), np.zeros(1, np.int64))
"""What an image with NaN has: a metric must see it."""
_Box = Literal["xyxy", "yxyx", "xywh", "cxcywh"]


class Detector(Postprocess):
    """Options that all decoders of detections have."""

    box: Annotated[
        _Box, Field(description="Corners, corners with y first, or corner or centre with width and height.")
    ] = "xyxy"
    score_threshold: Annotated[float, Field(ge=0, le=1, description="Lower scores are no detection.")] = 0.05
    max_detections: Annotated[int, Field(ge=1, description="Per image, the best scores.")] = 100

    gives = ("boxes", "scores", "classes")

    def _decoded(self, rows: int, image: Callable[[int], Detections]) -> Arrays:
        """Decode each image; those with fewer detections are padded."""
        found = [self._best(image(row)) for row in range(rows)]
        most = max((len(scores) for _, scores, _ in found), default=0)
        boxes, scores, classes = np.zeros((rows, most, 4)), np.zeros((rows, most)), np.full((rows, most), -1)
        for row, one in enumerate(found):
            for whole, part in zip((boxes, scores, classes), one, strict=True):
                whole[row, : len(part)] = part
        return {"boxes": boxes, "scores": scores, "classes": classes}

    def _best(self, found: Detections) -> Detections:
        boxes, scores, classes = found
        best = np.argsort(-scores, kind="stable")[: self.max_detections]
        return boxes[best], scores[best], classes[best]

    def _corners(self, boxes: np.ndarray) -> np.ndarray:
        boxes = boxes.astype(np.float64)
        first, second = boxes[..., :2], boxes[..., 2:]
        if self.box == "yxyx":
            return boxes[..., [1, 0, 3, 2]]
        if self.box == "xywh":
            return np.concatenate([first, first + second], axis=-1)
        if self.box == "cxcywh":
            return np.concatenate([first - second / 2, first + second / 2], axis=-1)
        return boxes


class Ssd(Detector):
    """For graphs that end in their own suppression; what they pad with scores 0."""

    reads = ("boxes", "scores", "classes")

    def __call__(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """Boxes (n, most, 4), scores and classes (n, most) -> detections above the threshold."""
        boxes, scores, classes = (outputs[role] for role in self.reads)
        if (
            boxes.ndim != 3
            or boxes.shape[2] != 4
            or scores.shape != boxes.shape[:2]
            or classes.shape != scores.shape
        ):
            raise DataError(
                "metric: ssd needs boxes (n, most, 4), scores and classes (n, most), "
                f"got {boxes.shape}, {scores.shape} and {classes.shape}; set metric.outputs"
            )
        corners = self._corners(boxes)

        def image(row: int) -> Detections:
            if _lost(corners[row], scores[row], classes[row]):
                return _BROKEN
            kept = scores[row] >= max(self.score_threshold, np.finfo(np.float32).tiny)
            return (
                corners[row][kept],
                scores[row][kept].astype(np.float64),
                classes[row][kept].astype(np.int64),
            )

        return self._decoded(len(boxes), image)


class Nms(Detector):
    """Non-maximum suppression by class: drop a box where a better one of its class overlaps it by more."""

    iou_threshold: Annotated[
        float, Field(ge=0, le=1, description="Overlap beyond which the lower score goes.")
    ] = 0.5
    background: Annotated[int | None, Field(ge=0, description="Class that is no object.")] = None

    reads: ClassVar[tuple[str, ...]] = ("boxes", "scores")

    def __call__(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """Boxes (n, anchors, 4) and scores (n, anchors, classes) in 0..1 -> detections."""
        boxes, scores = outputs["boxes"], outputs["scores"]
        if boxes.ndim != 3 or boxes.shape[2] != 4 or scores.ndim != 3 or scores.shape[:2] != boxes.shape[:2]:
            raise DataError(
                "metric: nms needs boxes (n, anchors, 4) and scores (n, anchors, classes), "
                f"got {boxes.shape} and {scores.shape}; set metric.outputs"
            )
        return self._suppressed(self._corners(boxes), scores)

    def _suppressed(self, corners: np.ndarray, scores: np.ndarray) -> Arrays:
        return self._decoded(
            len(corners), lambda row: self._image(corners[row], scores[row].astype(np.float64))
        )

    def _image(self, corners: np.ndarray, scores: np.ndarray) -> Detections:
        if _lost(corners, scores):
            return _BROKEN
        anchor, kind = np.nonzero(scores >= self.score_threshold)
        anchor, kind = (one[kind != self.background] for one in (anchor, kind))
        score = scores[anchor, kind]
        kept = [
            mine[suppress(corners[anchor[mine]], score[mine], self.iou_threshold)]
            for mine in (np.flatnonzero(kind == one) for one in np.unique(kind))
        ]
        chosen = np.concatenate([np.empty(0, np.int64), *kept])
        return corners[anchor[chosen]], score[chosen], kind[chosen]


class Yolo(Nms):
    """One output: of each anchor a box, whether there is an object, and what it would be."""

    box: Annotated[_Box, Field(description="By default centre, width and height.")] = "cxcywh"
    objectness: Annotated[
        bool, Field(description="The fifth number multiplies the classes' scores (YOLOv3 to v7).")
    ] = True
    transposed: Annotated[bool, Field(description="Anchors are the last axis (YOLOv8).")] = False

    reads = ("predictions",)
    _least: ClassVar[int] = 5

    def __call__(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """Predictions (n, anchors, 4 + objectness + classes) -> detections."""
        predictions = outputs["predictions"]
        if predictions.ndim != 3:
            raise DataError(
                f"metric: yolo needs outputs of shape (n, anchors, numbers), got {predictions.shape}; "
                "set metric.outputs"
            )
        if self.transposed:
            predictions = predictions.transpose(0, 2, 1)
        if predictions.shape[2] < self._least + self.objectness:
            raise DataError(
                f"metric: yolo found no classes in outputs of shape {predictions.shape}; "
                "see metric.postprocess.transposed"
            )
        boxes, scores = predictions[..., :4], predictions[..., 4:]
        return self._suppressed(
            self._corners(boxes), scores[..., 1:] * scores[..., :1] if self.objectness else scores
        )


def suppress(boxes: np.ndarray, scores: np.ndarray, threshold: float) -> np.ndarray:
    """Return the positions of the boxes that stay, best first; of equal scores the first."""
    left, kept = np.argsort(-scores, kind="stable"), []
    while len(left):
        best, left = left[0], left[1:]
        kept.append(best)
        left = left[overlap(boxes[[best]], boxes[left])[0] <= threshold]
    return np.array(kept, np.int64)


def _lost(*arrays: np.ndarray) -> bool:
    return any(bool(np.isnan(array).any()) for array in arrays)
