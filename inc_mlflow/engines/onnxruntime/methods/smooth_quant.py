"""SmoothQuant: move the outliers of activations into weights, without changing what the network computes.

Xiao, Lin, Seznec, Wu, Demouth and Han, "SmoothQuant: Accurate and Efficient Post-Training Quantization for
Large Language Models" (2022, arXiv 2211.10438), section 4. A few channels of a transformer's activations are
far larger than the rest and set the one scale of the tensor. Dividing channel j by s_j, and multiplying the
weights it meets, makes both easy to round.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.graph.model_file import read_structure
from inc_mlflow.engines.onnxruntime.graph.network import Network, save_beside
from inc_mlflow.engines.onnxruntime.graph.scalable_tensor import Joint, find_joints
from inc_mlflow.engines.onnxruntime.runtime.intermediate_values import fetch

_SMALLEST = 1e-5
"""Least maximum that counts: a channel that never moves would get a factor of zero."""


def smooth(baseline: Path, batches: Iterable[Arrays], alpha: float, target: Path, threads: int = 1) -> int:
    """Write the smoothed ``baseline`` and return the number of tensors that were smoothed.

    ``alpha`` in (0, 1) is the share of the difficulty that goes into the weights. Smoothed is what only Gemm
    and MatMul with constant weights read, if the factors fold into the gamma and beta of a
    LayerNormalization, the constant of a Mul, Div or Add, or the layer before; a tensor that a residual reads
    too is left alone. No operator is inserted: one more multiplication in front of each layer costs more time
    than its accuracy is worth.
    """
    network = Network(onnx.load(baseline))
    joints = [joint for joint in find_joints(network) if joint.readers[0].node.op_type != "Conv"]
    maxima = _channel_maxima(baseline, batches, [joint.tensor for joint in joints], threads) if joints else {}
    for joint in joints:
        factors = _factors(joint, maxima[joint.tensor], alpha)
        joint.scale(factors)
        joint.store(network, factors)
    save_beside(network.model, baseline, target)
    return len(joints)


def _channel_maxima(
    baseline: Path, batches: Iterable[Arrays], tensors: list[str], threads: int
) -> dict[str, np.ndarray]:
    """Return the largest absolute value on the last axis of each tensor."""
    found: dict[str, np.ndarray] = {}
    for _, values in fetch(read_structure(baseline), baseline.parent, batches, tensors, threads):
        for name, value in values.items():
            rows = value.reshape(-1, value.shape[-1])
            largest = np.maximum(rows.max(0, initial=0), -rows.min(0, initial=0))
            found[name] = np.maximum(found[name], largest) if name in found else largest
    return found


def _factors(joint: Joint, activations: np.ndarray, alpha: float) -> np.ndarray:
    """Apply equation 4, s_j = max|X_j|^alpha / max|W_j|^(1 - alpha)."""
    large = np.maximum(joint.per_channel_maxima(activations), _SMALLEST)
    weights = np.maximum(joint.reader_maxima(), _SMALLEST)
    return np.asarray(large**alpha / weights ** (1 - alpha))
