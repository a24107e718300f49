"""The range of least mean squared error, over a fine grid of scales and all zero points of each."""

import numpy as np

from inc_mlflow.engines.onnxruntime.calibration.histogram import HALF_BINS, Histogram

STEPS = 255
"""Steps between the lowest and the highest number of 8 bits."""
_COARSE = 512
"""Scales tried at first, from the one that clips nothing down: few distinct values make many minima."""
_BLOCK = 16  # scales whose temporaries stay in the cache
_FINE = 16  # between the neighbours of the best of them


def mse(histogram: Histogram, low: float, high: float) -> tuple[float, float]:
    """Return the range, with zero on its grid, of least error by rounding and clipping together.

    Every value counts as the middle of its bin.
    """
    low, high = min(low, 0.0), max(high, 0.0)
    if high - low <= histogram.width:  # denormal: the histogram is too coarse, and there is nothing to gain
        return low, high
    widest = (high - low) / histogram.width / STEPS  # in bins
    # Values of one sign have a single zero point.
    errors = _Errors(histogram.counts, np.arange(0 if high else STEPS, (STEPS if low else 0) + 1))
    scale, zero = errors.least(widest * np.arange(_COARSE, 0, -1) / _COARSE)
    near = np.linspace(1, -1, _FINE + 1) * widest / _COARSE + scale
    scale, zero = errors.least(near[(near > 0) & (near <= widest)])
    step = scale * histogram.width
    return -zero * step, (STEPS - zero) * step


class _Errors:
    """Squared errors of a histogram in units of its bins, from moments cumulated over the bins."""

    def __init__(self, counts: np.ndarray, zeros: np.ndarray) -> None:
        middles = np.arange(-HALF_BINS, HALF_BINS) + 0.5
        self._moments = np.stack(
            [np.concatenate([[0], np.cumsum(counts * middles**power)]) for power in range(3)]
        )
        self._zeros = zeros

    def least(self, scales: np.ndarray) -> tuple[float, int]:
        """Return the best of ``scales`` with its best zero point; of equal scales the first."""
        blocks = np.split(scales, range(_BLOCK, len(scales), _BLOCK))
        errors = np.concatenate([self._of(block) for block in blocks])
        scale, column = np.unravel_index(np.argmin(errors), errors.shape)
        return float(scales[scale]), int(self._zeros[-1] - column)

    def _of(self, scales: np.ndarray) -> np.ndarray:
        """Return the error of each scale (row) with each zero point (column, from the largest down).

        The grid is the multiples of the scale. The zero point decides only where the grid ends.
        """
        numbers = np.arange(-self._zeros[-1], STEPS - self._zeros[0] + 1)
        levels = numbers * scales[:, None]
        # Borders are between the levels, and beyond both ends.
        borders = np.append(numbers - 0.5, numbers[-1] + 0.5) * scales[:, None]
        # The place of a border is the first bin whose middle is not below it.
        places = np.ceil(borders + (HALF_BINS - 0.5)).astype(np.int64)
        before = np.stack([moment.take(places, mode="clip") for moment in self._moments])
        rounded = np.zeros(borders.shape)
        np.cumsum(_error(before[:, :, 1:] - before[:, :, :-1], levels), 1, out=rounded[:, 1:])
        # So many levels from either end are the outermost one with some zero point.
        count = self._zeros.size
        below = _error(before[:, :, :count], levels[:, :count])
        above = _error(self._moments[:, -1, None, None] - before[:, :, -count:], levels[:, -count:])
        errors: np.ndarray = below + (rounded[:, -count:] - rounded[:, :count]) + above
        return errors


def _error(moments: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Return the squared error of replacing all values with these three moments by ``value``."""
    count, total, square = moments
    error: np.ndarray = square + value * (value * count - 2 * total)
    return error
