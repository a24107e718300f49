"""Rows and metrics of the jobs in ``engines.py`` whose models have no file that a job can name.

Copied beside such a job; ``INC_REAL_MODELS`` names the folder of the real models. Where there are no labels, a metric
is the agreement with the FP32 model.
"""

import os
from pathlib import Path

import numpy as np

MODELS = Path(os.environ["INC_REAL_MODELS"])


def audio(split):
    """Windows of two seconds, as basic-pitch takes them."""
    file = {"calibration": "calib", "validation": "test"}[split]
    found = np.load(MODELS / "basic-pitch" / f"{file}.npz")["audio"]
    windows = found.reshape(len(found), 43844, 1).astype("f4") / 32767
    for window in windows[:20] if split == "calibration" else windows:
        yield {"input_2": window[None]}, None


def notes(outputs, labels, reference):
    """F1 of the notes over one half."""
    name = next(name for name, value in outputs.items() if value.shape[-1] == 88)
    mine, theirs = outputs[name] > 0.5, reference[name] > 0.5
    return (2 * (mine & theirs).sum((1, 2)) + 1) / (mine.sum((1, 2)) + theirs.sum((1, 2)) + 1)


def photographs(split):
    """Photographs at twice their size in a frame of 512 pixels, as centernet takes them."""
    file, count = {"calibration": ("calib_small", 12), "validation": ("dev_small", 60)}[split]
    for image in np.load(MODELS / "ultraface" / f"{file}.npz")["input"][:count]:
        frame = np.zeros((1, 512, 512, 3), "f4")
        large = image.repeat(2, 0).repeat(2, 1)[:512, :512]
        frame[0, : large.shape[0], : large.shape[1]] = large
        yield {"tower_0/images": frame}, None


def detections(outputs, labels, reference):
    """Share of the reference's good detections that are found, by class and overlap."""
    both = (one["tower_0/detections"] for one in (outputs, reference))
    return np.array([_found(mine, theirs) for mine, theirs in zip(*both, strict=True)])


def tags(outputs, labels, reference):
    """Whether the best tag is the reference's."""
    (name,) = outputs
    return (outputs[name].argmax(1) == reference[name].argmax(1)).astype(float)


def _found(mine, theirs):
    good = theirs[theirs[:, 4] > 0.3]
    likely = mine[mine[:, 4] > 0.2]
    return float(np.mean([any(_near(one, other) for other in likely) for one in good])) if len(good) else 1.0


def _near(one, other):
    low, high = np.maximum(one[:2], other[:2]), np.minimum(one[2:4], other[2:4])
    both = np.prod(np.maximum(high - low, 0))
    areas = np.prod(one[2:4] - one[:2]) + np.prod(other[2:4] - other[:2])
    return one[5] == other[5] and both > 0.5 * (areas - both)
