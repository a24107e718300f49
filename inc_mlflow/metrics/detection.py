"""Metrics of detected objects: boxes and masks."""

from typing import Annotated, Any, ClassVar

import numpy as np
from pydantic import ConfigDict, Field

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import DataError
from inc_mlflow.metrics.boxes import overlap
from inc_mlflow.metrics.coco import THRESHOLDS, match, mean_average_precision
from inc_mlflow.metrics.labels import BOXES, class_weights, json_text, structured
from inc_mlflow.metrics.metric import NamedMetric
from inc_mlflow.spec.spec_model import SpecModel


class _Detection(NamedMetric):
    """Outputs are scores and classes (n, most), and where the objects are.

    A class below 0 stands where there is none.
    """

    max_detections: Annotated[int, Field(ge=1, description="Per image and class, the best scores.")] = 100

    unit = "mAP"
    decomposable = False
    thresholds: ClassVar[int] = len(THRESHOLDS)

    def _image(
        self,
        scores: np.ndarray,
        classes: np.ndarray,
        overlaps: np.ndarray,
        truths: np.ndarray,
        crowd: np.ndarray,
    ) -> Any:
        """Return classes, scores and matches of the detections of one image, and its objects' classes."""
        kept = [np.empty(0, np.int64)]
        matches = [np.empty((0, self.thresholds), np.int8)]
        for kind in np.unique(classes[classes >= 0]):
            mine = np.flatnonzero(classes == kind)
            best = mine[np.argsort(-scores[mine], kind="stable")][: self.max_detections]
            same = truths == kind
            kept.append(best)
            matches.append(match(overlaps[best][:, same], crowd[same])[:, : self.thresholds])
        chosen = np.concatenate(kept)
        return classes[chosen], scores[chosen], np.concatenate(matches), truths[~crowd]

    def _statistics(self, images: list[Any], finite: np.ndarray) -> Arrays:
        """One object per row: images have different numbers of detections."""
        names = ("classes", "scores", "matches", "truths")
        return {name: one_per_row([image[at] for image in images]) for at, name in enumerate(names)} | {
            "finite": finite
        }

    def aggregate(self, statistics: Arrays) -> float:
        """NaN where a detection has NaN, or no row has an object."""
        if not statistics["finite"].all():
            return float("nan")
        return mean_average_precision(
            *(np.concatenate(statistics[name]) for name in ("classes", "scores", "matches", "truths"))
        )

    def row_weights(self, statistics: Arrays) -> np.ndarray:
        """Objects of each picture, by which every class weighs as much."""
        counts = [len(truths) for truths in statistics["truths"]]
        weights = class_weights(np.concatenate(statistics["truths"]))
        return np.bincount(np.repeat(np.arange(len(counts)), counts), weights, len(counts))

    def missing(self, statistics: Arrays) -> str:
        """An object that is no crowd."""
        return "" if any(len(truths) for truths in statistics["truths"]) else "object"


class CocoMap(_Detection):
    """The figure of ``pycocotools``' COCOeval, ``bbox``; 100 detections per class as there.

    Boxes are x1, y1, x2, y2.
    """

    reads = ("boxes", "scores", "classes")
    labels = BOXES

    def statistics(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """What becomes of each detection, by row."""
        boxes, scores, classes = _checked(outputs, "boxes", 3)
        images = []
        for row, label in enumerate(np.asarray(labels)):
            objects = label[label[:, 4] >= 0].astype(np.float64)
            crowd = objects[:, 5] > 0 if objects.shape[1] > 5 else np.zeros(len(objects), bool)
            overlaps = overlap(boxes[row].astype(np.float64), objects, crowd)
            images.append(
                self._image(scores[row], classes[row], overlaps, objects[:, 4].astype(np.int64), crowd)
            )
        return self._statistics(images, _finite(boxes, scores, classes))


class CocoMap50(CocoMap):
    """The same at an overlap of one half, as PASCAL VOC counts."""

    thresholds = 1


class Annotation(SpecModel):
    """One object, as in COCO's files, whose other fields do not count."""

    model_config = ConfigDict(extra="ignore")

    category_id: int
    segmentation: Annotated[
        list[list[float]] | dict[str, Any], Field(description="Polygons, or run lengths.")
    ]
    iscrowd: int = 0


class Picture(SpecModel):
    """The label of one row."""

    height: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=1)]
    annotations: list[Annotation]


class CocoMaskMap(_Detection):
    """The figure of ``pycocotools``' COCOeval, ``segm``.

    Masks (n, most, height, width) are above 0.5 where the object is.
    """

    reads = ("masks", "scores", "classes")
    labels = json_text(Picture)

    def statistics(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """What becomes of each detection, by row."""
        masks, scores, classes = _checked(outputs, "masks", 4)
        images = []
        for row, label in enumerate(structured(np.asarray(labels), Picture)):
            truths = np.array([one.category_id for one in label.annotations], np.int64)
            crowd = np.array([one.iscrowd > 0 for one in label.annotations], bool)
            images.append(
                self._image(scores[row], classes[row], _overlap(masks[row], label, crowd), truths, crowd)
            )
        return self._statistics(images, _finite(masks, scores, classes))


def _overlap(masks: np.ndarray, label: Picture, crowd: np.ndarray) -> np.ndarray:
    from pycocotools import mask as codec

    if masks.shape[1:] != (label.height, label.width):
        raise DataError(
            f"metric: masks are {masks.shape[1:]} pixels, labels {(label.height, label.width)}; "
            "give them one size"
        )
    if not len(masks) or not label.annotations:
        return np.zeros((len(masks), len(label.annotations)))
    found = codec.encode(np.asfortranarray(np.moveaxis(masks > 0.5, 0, 2).astype(np.uint8)))
    return np.asarray(
        codec.iou(found, [_run_lengths(one, label) for one in label.annotations], crowd.astype(np.uint8))
    )


def _run_lengths(annotation: Annotation, label: Picture) -> Any:
    from pycocotools import mask as codec

    shape = annotation.segmentation
    if isinstance(shape, list):
        return codec.merge(codec.frPyObjects(shape, label.height, label.width))
    return (
        codec.frPyObjects(shape, label.height, label.width)
        if isinstance(shape.get("counts"), list)
        else shape
    )


def _checked(outputs: Arrays, where: str, rank: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where objects are, scores and classes of all rows.

    Masks of pictures of several sizes are objects, one per row.
    """
    places, scores, classes = outputs[where], outputs["scores"], outputs["classes"]
    fits = places.dtype == object or (places.ndim == rank and places.shape[:2] == scores.shape)
    if not fits or scores.ndim != 2 or classes.shape != scores.shape:
        raise DataError(
            f"metric: needs {where} of {rank} axes, scores and classes (n, most), "
            f"got {places.shape}, {scores.shape} and {classes.shape}; "
            "set metric.outputs, and metric.postprocess where they must be decoded"
        )
    return places, scores, classes


def _finite(places: np.ndarray, scores: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Tell which rows have a number in all detections, (n,)."""
    there = ~(classes < 0)
    wrong = np.isnan(scores) | np.isnan(classes)
    if places.dtype != object:  # objects are masks that a postprocess has made of numbers
        wrong |= np.isnan(places).any(axis=tuple(range(2, places.ndim)))
    return np.asarray(~(there & wrong).any(axis=1))


def one_per_row(values: list[np.ndarray]) -> np.ndarray:
    """Return an array of objects (n,), also where all have the same shape."""
    result = np.empty(len(values), object)
    for row, value in enumerate(values):
        result[row] = value
    return result
