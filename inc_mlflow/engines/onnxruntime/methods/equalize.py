"""Cross-layer equalisation: balance the weights of consecutive layers; the network computes the same.

Nagel, van Baalen, Blankevoort and Welling, "Data-Free Quantization Through Weight Equalization and Bias
Correction" (ICCV 2019, arXiv 1906.04721), section 4.1. With one weight scale per tensor, a channel with small
weights next to one with large weights keeps few of the 256 steps. Relu commutes with positive factors, so a
channel may be divided by s in the layer that makes it and multiplied by s in the layers that read it.
"""

from pathlib import Path

import numpy as np
import onnx

from inc_mlflow.engines.onnxruntime.graph.linear import Linear
from inc_mlflow.engines.onnxruntime.graph.network import Network, save_beside
from inc_mlflow.engines.onnxruntime.graph.scalable_tensor import ScalableTensor, find_scalable_tensors

_ROUNDS = 100
_CONVERGED = 1e-3
"""Largest change of a factor that ends the rounds."""


def equalize(baseline: Path, target: Path) -> int:
    """Write the equalised ``baseline`` and return the number of tensors between layers that were balanced.

    Layers are Conv, Gemm and MatMul. Only Relu, LeakyRelu, pooling, Flatten or an added bias may be between
    them, and only such layers may read the tensors between. Clip, and so ReLU6, is excluded: scaling would
    move its limits.
    """
    network = Network(onnx.load(baseline))
    pairs = [(tensor, tensor.source) for tensor in find_scalable_tensors(network) if tensor.source]
    totals = [np.ones(tensor.channels) for tensor, _ in pairs]
    for _ in range(_ROUNDS):
        changes = [_balance(*pair, total) for pair, total in zip(pairs, totals, strict=True)]
        if max(changes, default=0.0) < _CONVERGED:
            break
    for (tensor, _), total in zip(pairs, totals, strict=True):
        tensor.store(network, total)
    save_beside(network.model, baseline, target)
    return len(pairs)


def _balance(tensor: ScalableTensor, source: Linear, total: np.ndarray) -> float:
    """Apply equation 11, s = sqrt(r1 r2) / r2, and multiply s into ``total``; return the largest change."""
    r1, r2 = source.output_maxima().astype(np.float64), tensor.reader_maxima()
    dead = (r1 == 0) | (r2 == 0)  # nothing to balance, and no factor would be finite
    factors = np.sqrt(np.where(dead, 1, r1) / np.where(dead, 1, r2))
    tensor.scale(factors)
    total *= factors
    return float(np.abs(factors - 1).max())
