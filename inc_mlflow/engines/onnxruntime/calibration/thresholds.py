"""From the histogram of a tensor to the range of INT8: clipping a few values makes the steps finer."""

import numpy as np

from inc_mlflow.engines.onnxruntime.calibration.entropy import entropy
from inc_mlflow.engines.onnxruntime.calibration.histogram import HALF_BINS, Histogram
from inc_mlflow.engines.onnxruntime.calibration.squared_error import mse
from inc_mlflow.engines.onnxruntime.options import CalibrateMethod

_SHARE = 0.99999  # ONNX Runtime's default


def finite_range(
    method: CalibrateMethod, histogram: Histogram, low: float, high: float
) -> tuple[float, float]:
    """Return the range that ``method`` gives a tensor with exact minimum ``low`` and maximum ``high``."""
    match method:
        case "minmax":
            return low, high
        case "percentile":
            return percentile(histogram, low, high)
        case "entropy":
            return entropy(histogram, low, high)
        case "mse":
            return mse(histogram, low, high)


def percentile(histogram: Histogram, low: float, high: float, share: float = _SHARE) -> tuple[float, float]:
    """Return the range clipped at the distance from zero within which ``share`` of the values are.

    ONNX Runtime does the same by default.
    """
    within = np.cumsum(histogram.counts[HALF_BINS:] + histogram.counts[HALF_BINS - 1 :: -1])
    distance = int(np.searchsorted(within, share * within[-1])) * histogram.width
    return max(min(low, distance), -distance), max(min(high, distance), -distance)
