"""Overlap of boxes (n, 4): x1, y1, x2, y2."""

import numpy as np


def overlap(boxes: np.ndarray, others: np.ndarray, crowd: np.ndarray | None = None) -> np.ndarray:
    """Return intersection over union, (n, m); over the box's own area where the other is a crowd (COCO)."""
    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:4], others[None, :, 2:4])
    inner: np.ndarray = (high - low).clip(0).prod(axis=2)
    own = _area(boxes)[:, None]
    union = own + _area(others)[None] - inner
    if crowd is not None:
        union = np.where(crowd[None], own, union)
    return np.asarray(np.divide(inner, union, out=np.zeros_like(inner), where=union > 0))


def _area(boxes: np.ndarray) -> np.ndarray:
    return np.asarray((boxes[:, 2:4] - boxes[:, :2]).clip(0).prod(axis=1))
