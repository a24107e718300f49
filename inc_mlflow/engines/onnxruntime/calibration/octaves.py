"""Powers of two that the values of a tensor reach: they tell a mask apart from a long tail.

Exporters hide positions of attention by adding -1e4, -1e9 or the lowest float32 to their scores. Such a
tensor has a few large values, nothing for several octaves, and then all values that matter. A range that
covers the large ones leaves a few of the 255 steps for the rest. Outlier channels are no such case: their
values fill the octaves between.
"""

from itertools import pairwise

import numpy as np

LARGE = 512.0
"""Values below it are no mask: their octaves are not counted, which costs time."""
_GAP = 6
"""Octaves from the large values down to the next ones. Those then have at most 4 * 255 / 2^6 = 16 steps."""
_WIDTH = 3
"""Octaves that large values may fill: a mask plus scores, or the sum of two or three masks."""
_EXPONENT_BITS, _MANTISSA_BITS, _BIAS = 0xFF, 23, 127


def octaves_of(values: np.ndarray, largest: float) -> frozenset[int]:
    """Return floor(log2 |x|) of the values, or only of the ``largest`` |x| where that is below LARGE.

    Zeros and infinities have no octave.
    """
    ends = values if largest >= LARGE else np.array([largest])
    bits = np.ascontiguousarray(ends, np.float32).view(np.uint32)
    reached = np.zeros(_EXPONENT_BITS + 1, bool)
    reached[(bits >> _MANTISSA_BITS) & _EXPONENT_BITS] = True
    return frozenset((np.flatnonzero(reached[1:-1]) + 1 - _BIAS).tolist())


def hides_the_rest(octaves: frozenset[int]) -> bool:
    """Tell whether a few large values leave too few steps for all others."""
    falling = sorted(octaves, reverse=True)
    for upper, lower in pairwise(falling):
        if falling[0] - upper >= _WIDTH:
            return False
        if upper - lower >= _GAP:
            return True
    return False
