"""The range whose 128 levels lose least information, by Kullback-Leibler divergence as in ONNX Runtime.

onnxruntime's default of 128 bins leaves it a single range to choose from, that of MinMax; with as many bins
as here it chooses the same range. For n of these bins around zero, p is the histogram clipped to them, and q
is p after quantisation to 128 levels. The range is that of the n whose q diverges least from p.
"""

import numpy as np

from inc_mlflow.engines.onnxruntime.calibration.histogram import HALF_BINS, Histogram

ENTROPY_BINS = 1024
LEVELS = 128
_EPSILON = 0.0001  # moved from the other bins into each bin without values: the divergence allows no zeros
_TERMS = 7  # of the series in the share taken from a bin; the share is below 0.21


def entropy(histogram: Histogram, low: float, high: float, bins: int = ENTROPY_BINS) -> tuple[float, float]:
    """Return the range of least divergence within [low, high]; ``bins`` is even and at least ``LEVELS``."""
    magnitude = max(-low, high)
    counts = _regrouped(histogram, magnitude, bins)
    if not counts.any():
        return low, high
    reach = np.arange(LEVELS // 2, bins // 2 + 1)
    start, end = bins // 2 - reach, np.minimum(bins // 2 + reach + 1, bins)
    best = np.argmin(divergences(counts, start, end))
    edges = np.linspace(-magnitude, magnitude, bins + 1)
    lowest, highest = float(edges[start[best]]), float(edges[end[best]])
    return float(np.clip(low, lowest, highest)), float(np.clip(high, lowest, highest))


def _regrouped(histogram: Histogram, magnitude: float, bins: int) -> np.ndarray:
    """Return counts in equal bins over exactly the range of the values, int64 (bins,).

    The middle of a histogram's bin decides which of them gets its count.
    """
    if not magnitude:
        return np.zeros(bins, np.int64)
    middles = (np.arange(-HALF_BINS, HALF_BINS) + 0.5) * (histogram.width / magnitude)
    places = np.clip(((middles + 1) * (bins / 2)).astype(np.int64), 0, bins - 1)
    regrouped: np.ndarray = np.bincount(places, histogram.counts, bins)
    return regrouped.astype(np.int64)  # exact: far fewer than 2**53 values


def divergences(counts: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return the divergence of each window [start, end) of ``counts``, float64 (windows,).

    Every sum over a window is the difference of two cumulated sums, so a window costs ``LEVELS`` steps,
    whatever its size.
    """
    size = end - start
    width = size // LEVELS
    cumulated = _cumulated(counts)
    total = float(cumulated[-1])
    outside = cumulated[start], cumulated[-1] - cumulated[end]
    # Counts outside a window are clipped into its two end bins.
    ends = np.stack([counts[start] + outside[0], counts[end - 1] + outside[1]])
    held, used, left_over = _by_level(counts, start, end, ends)
    p_used = used.sum(1) + left_over[1]
    p_taken = _taken(size, p_used)

    levels = held.copy()
    levels[:, 0] -= outside[0]
    levels[:, -1] += left_over[0] - outside[1]
    # onnxruntime's quotients are whole numbers.
    q = np.floor(np.divide(levels, used, out=np.zeros(levels.shape), where=used > 0))
    q_used = (q > 0).sum(1) * width
    log_q = np.log(np.where(q > 0, q - _taken(size, q_used)[:, None], _EPSILON))
    q_total = np.where(q_used > 0, q.sum(1) * width, np.inf)  # nothing left of q: infinitely far from p

    p_levels = held - p_taken[:, None] * used + _EPSILON * (width[:, None] - used)
    cross = (p_levels * log_q).sum(1) + (total - p_levels.sum(1)) * np.log(_EPSILON)
    own = _own(counts, start, end, ends, p_taken) + (size - p_used) * _EPSILON * np.log(_EPSILON)
    result: np.ndarray = (own - cross) / total - np.log(total) + np.log(q_total)
    return result


def _by_level(
    counts: np.ndarray, start: np.ndarray, end: np.ndarray, ends: np.ndarray
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Return the values and used bins of p per window and level, and those left over behind the last level.

    onnxruntime adds the left-over values to the last level of q, although that level does not reach their
    bins.
    """
    edges = start[:, None] + np.arange(LEVELS + 1) * ((end - start) // LEVELS)[:, None]
    held, used = (_cumulated(what)[edges] for what in (counts, counts > 0))
    held, used = np.diff(held), np.diff(used)
    held[:, 0] += ends[0] - counts[start]
    used[:, 0] += (ends[0] > 0) & (counts[start] == 0)
    behind = tuple(_cumulated(what)[end] - _cumulated(what)[edges[:, -1]] for what in (counts, counts > 0))
    added = ends[1] - counts[end - 1], (ends[1] > 0) & (counts[end - 1] == 0)
    reached = edges[:, -1] == end
    held[:, -1] += np.where(reached, added[0], 0)
    used[:, -1] += reached & added[1]
    return held, used, (behind[0] + np.where(reached, 0, added[0]), behind[1] + (~reached & added[1]))


def _cumulated(values: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(values)])


def _taken(size: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Return the amount that each used bin gives to the bins without values."""
    taken: np.ndarray = _EPSILON * (size - used) / np.maximum(used, 1)
    return taken


def _own(
    counts: np.ndarray, start: np.ndarray, end: np.ndarray, ends: np.ndarray, taken: np.ndarray
) -> np.ndarray:
    """Sum (p - taken) * log(p - taken) over the used bins of each window.

    Between the two ends of a window, the sum is computed by its series in ``taken``.
    """
    used = counts > 0
    p = np.where(used, counts, 1).astype(float)

    def between(terms: np.ndarray) -> np.ndarray:
        sums = _cumulated(np.where(used, terms, 0))
        result: np.ndarray = sums[end - 1] - sums[start + 1]
        return result

    total: np.ndarray = between(p * np.log(p)) - taken * between(np.log(p) + 1)
    for power in range(2, _TERMS):
        total += taken**power / (power * (power - 1)) * between(p ** (1 - power))
    left = np.where(ends > 0, ends - taken, 1.0)
    total += (left * np.log(left)).sum(0)
    return total
