"""Average precision as COCO defines it (Lin et al. 2014): matching is of one image, the rest is of all."""

import numpy as np

THRESHOLDS = np.linspace(0.5, 0.95, 10)
"""Overlaps from which a detection counts."""
_RECALLS = np.linspace(0, 1, 101)

MISSED, FOUND, IGNORED = 0, 1, -1
"""What becomes of a detection: it finds no object, it finds one, it lies in a crowd."""


def match(overlaps: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """Match detections of one image and class, best score first, with its objects.

    ``overlaps`` is (detections, objects), ``crowd`` (objects,). Each detection takes the object that it
    overlaps most of those that are free; a crowd is always free, and what it takes does not count. Returns
    (detections, thresholds).
    """
    needed = np.minimum(THRESHOLDS, 1 - 1e-10)
    own = overlaps[:, ~crowd]
    in_crowd = overlaps[:, crowd].max(axis=1, initial=0.0)[:, None] >= needed
    result = np.where(in_crowd, IGNORED, MISSED).astype(np.int8)
    free = np.ones((len(needed), own.shape[1]), bool)
    every = np.arange(len(needed))
    for row in np.flatnonzero(own.max(axis=1, initial=0.0) >= needed[0]):
        open_ = np.where(free, own[row], -1.0)
        best = open_.shape[1] - 1 - open_[:, ::-1].argmax(axis=1)  # of equal overlaps COCO takes the last
        taken = open_[every, best] >= needed
        result[row, taken] = FOUND
        free[every[taken], best[taken]] = False
    return result


def mean_average_precision(
    classes: np.ndarray, scores: np.ndarray, matches: np.ndarray, truths: np.ndarray
) -> float:
    """Return the mean over thresholds and over the classes that have objects; NaN where none has.

    Of each detection ``classes`` and ``scores`` (n,) and ``matches`` (n, thresholds), of each object its
    class, ``truths``.
    """
    order = np.lexsort((-scores, classes))
    classes, matches = classes[order], matches[order]
    kinds, counts = np.unique(truths, return_counts=True)
    first, last = (np.searchsorted(classes, kinds, side=side) for side in ("left", "right"))
    each = [
        _average_precision(matches[start:end], count)
        for start, end, count in zip(first, last, counts, strict=True)
    ]
    return float(np.mean(each)) if each else float("nan")


def _average_precision(matches: np.ndarray, objects: int) -> float:
    """Mean over thresholds of the precision at 101 recalls, of one class with detections best first."""
    needed = np.searchsorted(np.arange(1, objects + 1) / objects, _RECALLS, side="left")
    return float(np.mean([_at_recalls(one, needed) for one in matches.T]))


def _at_recalls(matches: np.ndarray, needed: np.ndarray) -> float:
    """Mean over recalls of the best precision from there on.

    Precision only falls until the next object is found.
    """
    at = np.flatnonzero(matches == FOUND)
    precision = np.arange(1, len(at) + 1) / (matches != IGNORED).cumsum()[at]
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float(envelope[needed[needed < len(at)]].sum()) / len(_RECALLS)
