"""Count values into the bins of a histogram: compiled code where it is built, else NumPy, same result."""

import sys
from collections.abc import Callable
from functools import cache

import numpy as np

_BLOCK = 1 << 16  # values whose temporaries stay in the cache
_SLOWER = (
    "calibration: the compiled histogram is not installed, NumPy's makes calibration about a third slower; "
    "install a C compiler, then inc-mlflow again\n"
)


@cache
def counter() -> Callable[[np.ndarray, float, np.ndarray], None]:
    """Return ``add(values, scale, counts)``; print one line on standard error where it is the slower one.

    ``add`` takes contiguous float32 ``values`` and counts each of ``values * scale`` in its bin. ``counts``
    are int64, in bins of width one with zero in the middle. Values below zero are counted mirrored. |values *
    scale| must be within the bins.
    """
    try:
        from inc_mlflow.engines.onnxruntime.calibration._counting import add
    except ImportError:
        sys.stderr.write(_SLOWER)
        return add_with_numpy
    return add


def add_with_numpy(values: np.ndarray, scale: float, counts: np.ndarray) -> None:
    """Count with NumPy; the result equals that of ``_counting.c`` bit for bit."""
    half = counts.size // 2
    flat = values.reshape(-1)
    for start in range(0, flat.size, _BLOCK):
        block = flat[start : start + _BLOCK]
        # The sign is taken from the value itself, which the product may lose to underflow.
        bins = (np.abs(block) * np.float32(scale)).astype(np.int32) ^ -(block < 0).astype(np.int32)
        counts += np.bincount(bins + half, minlength=counts.size)
