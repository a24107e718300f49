"""Powers of two that the values of a tensor reach: they tell a mask apart from a long tail.

Exporters hide positions of attention by adding -1e4, -1e9 or the lowest float32 to their scores. Such a
tensor has a few large values, nothing for several octaves, and then all values that matter. A range that
covers the large ones leaves a few of the 255 steps for the rest. Outlier channels are no such case: their
values fill the octaves between.
"""

from itertools import pairwise

import numpy as np

_LARGE = 9
"""Octave from 2^9 on: smaller values are no mask, and telling their octaves apart would cost time."""
_GAP = 6
"""Octaves from the large values down to the next ones. Those then have at most 4 * 255 / 2^6 = 16 steps."""
_WIDTH = 3
"""Octaves that large values may fill: a mask plus scores, or the sum of two or three masks."""


_NONE: frozenset[int] = frozenset()


def octaves_of(values: np.ndarray, largest: float) -> frozenset[int]:
    """Return floor(log2 |x|) of all values from 2^9 on, and of the largest |x| below.

    ``largest`` is the largest |x| of all. There are none where it is below 2^9, or infinite: such a tensor
    has no mask, or no range. Zeros have no octave.
    """
    if largest < 2**_LARGE:
        return _NONE
    found: set[int] = set()
    magnitudes = None
    while 0 < largest < np.inf:
        found.add(octave := octave_of(largest))
        if octave < _LARGE:
            break
        magnitudes = np.abs(values) if magnitudes is None else magnitudes
        largest = float(np.where(magnitudes < 2.0**octave, magnitudes, 0).max())
    return frozenset(found)


def octave_of(value: float) -> int:
    """Return floor(log2 x) of a positive number."""
    return int(np.frexp(value)[1]) - 1


def merge_octaves(
    one: frozenset[int], largest: float, other: frozenset[int], other_largest: float
) -> frozenset[int]:
    """Return the octaves of both parts together, the same for all ways to divide them.

    A part without octaves, whose ``largest`` value is below 2^9, adds the octave of that value.
    """
    if not one and not other:
        return _NONE
    both = (one or _of_small(largest)) | (other or _of_small(other_largest))
    below = max((octave for octave in both if octave < _LARGE), default=None)
    return frozenset(octave for octave in both if octave >= _LARGE or octave == below)


def _of_small(largest: float) -> frozenset[int]:
    return frozenset({octave_of(largest)}) if largest else _NONE


def hides_the_rest(octaves: frozenset[int]) -> bool:
    """Tell whether a few large values leave too few steps for all others."""
    falling = sorted(octaves, reverse=True)
    for upper, lower in pairwise(falling):
        if falling[0] - upper >= _WIDTH:
            return False
        if upper - lower >= _GAP:
            return True
    return False
