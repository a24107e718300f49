"""Saturating pairs: the loss where a kernel adds two u8 x s8 products in int16, as x86 CPUs without VNNI do.

``vpmaddubsw`` adds two products that are neighbours along the reduction axis K; the sum continues in int32.
255 * 127 fits into int16, twice that does not. An odd K is filled up with zero, so its last pair cannot
saturate.
"""

import numpy as np

_LOW, _HIGH = -(2**15), 2**15 - 1
_SAFE_SUM = -_LOW // 128
"""Two activations whose sum is at most this cannot saturate, whatever the int8 weights."""


def at_risk(weights: np.ndarray) -> np.ndarray:
    """Tell which pairs of int8 weights (K, N) saturate for some activations in 0..255.

    Returns bool of shape (ceil(K / 2), N).
    """
    pairs = _even(weights, 0).astype(np.int32).reshape(-1, 2, weights.shape[1])
    highest, lowest = 255 * np.maximum(pairs, 0).sum(1), 255 * np.minimum(pairs, 0).sum(1)
    return np.asarray((highest > _HIGH) | (lowest < _LOW))


def excess(activations: np.ndarray, weights: np.ndarray, risky: np.ndarray) -> tuple[np.ndarray, int]:
    """Return saturated minus exact sums, int32 (M, N), and how many pair sums saturate.

    ``activations`` are uint8 (M, K), ``weights`` int8 (K, N), ``risky`` is the result of ``at_risk``.
    """
    first, second = (_even(activations, 1)[:, side::2] for side in (0, 1))
    above, below = (_even(weights, 0)[side::2].astype(np.int32) for side in (0, 1))
    large = first.astype(np.uint16) + second > _SAFE_SUM
    loss = np.zeros((len(activations), weights.shape[1]), np.int32)
    saturated = 0
    for pair in np.flatnonzero(risky.any(1) & large.any(0)):
        rows, columns = np.flatnonzero(large[:, pair]), np.flatnonzero(risky[pair])
        sums = np.outer(first[rows, pair], above[pair, columns]) + np.outer(
            second[rows, pair], below[pair, columns]
        )
        lost = np.clip(sums, _LOW, _HIGH) - sums
        loss[np.ix_(rows, columns)] += lost
        saturated += int(np.count_nonzero(lost))
    return loss, saturated


def _even(array: np.ndarray, axis: int) -> np.ndarray:
    """Append a zero where the reduction axis is odd."""
    widths = [(0, array.shape[axis] % 2 if at == axis else 0) for at in range(array.ndim)]
    return np.pad(array, widths)
