"""Weights of 8 or 7 bits with one scale per output channel, and the int32 bias that fits them."""

from dataclasses import dataclass

import numpy as np

_LARGEST = {8: 127, 7: 64}
"""Two products of 255 and 64 fit into int16: no sum of a pair saturates."""
_BIAS = 2**30
"""Largest bias: the other half of int32 is left to the sum of products, which would overflow unseen."""
_LEAST = 1e-12


@dataclass(frozen=True)
class Weights:
    """``values`` int8 as the weights of the file, ``steps`` float32 (outputs,)."""

    values: np.ndarray
    steps: np.ndarray


def quantised(
    weights: np.ndarray, axis: int, bits: int, bias: np.ndarray | None = None, step: float = 1.0
) -> Weights:
    """Round weights, with one symmetric scale for each index of ``axis``.

    ``step`` is that of the layer's input: a bias in the scale input times weights has to fit, so a large
    one beside small weights makes their scale coarser.
    """
    others = tuple(index for index in range(weights.ndim) if index != axis)
    largest = np.abs(weights).max(others, initial=0.0).astype(np.float64) / _LARGEST[bits]
    if bias is not None:
        largest = np.maximum(largest, np.abs(bias.astype(np.float64)) / (step * _BIAS) * (1 + 1e-6))
    steps = np.maximum(largest, _LEAST).astype(np.float32)
    shape = [1] * weights.ndim
    shape[axis] = -1
    limit = _LARGEST[bits]
    values = np.clip(np.rint(weights / steps.reshape(shape)), -limit, limit)
    return Weights(values.astype(np.int8), steps)


def quantised_bias(bias: np.ndarray, weights: Weights, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the bias as int32 and its scale, float32, both (outputs,).

    The scale is that of input times weights: with any other one ONNX Runtime has no integer kernel and
    computes in FP32 without a word.
    """
    scale = (weights.steps.astype(np.float64) * step).astype(np.float32)
    steps = np.rint(bias.astype(np.float64) / scale.astype(np.float64))
    return np.clip(steps, -_BIAS, _BIAS).astype(np.int32), scale
