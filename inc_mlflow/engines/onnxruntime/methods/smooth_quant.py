"""SmoothQuant: move the outliers of activations into weights; the network computes the same.

Xiao, Lin, Seznec, Wu, Demouth and Han, "SmoothQuant: Accurate and Efficient Post-Training Quantization for
Large Language Models" (2022, arXiv 2211.10438), section 4. A few channels of a transformer's activations are
far larger than the rest and set the one scale of the tensor. Dividing channel j by s_j and multiplying its
weights by s_j makes both easy to round.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import onnx

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.graph.model_file import read_structure
from inc_mlflow.engines.onnxruntime.graph.network import Network, save_beside
from inc_mlflow.engines.onnxruntime.graph.scalable_tensor import ScalableTensor, find_scalable_tensors
from inc_mlflow.engines.onnxruntime.runtime.intermediate_values import intermediate_values

_SMALLEST = 1e-5
"""Lower limit of a maximum: a channel that is always zero would get a factor of zero."""


def smooth(baseline: Path, batches: Iterable[Arrays], alpha: float, target: Path, threads: int = 1) -> int:
    """Write the smoothed ``baseline`` and return the number of tensors that were smoothed.

    ``alpha`` in (0, 1) is the share of the difficulty that goes into the weights. A tensor is smoothed if
    only Gemm and MatMul with constant weights read it, and if the factors fold into the gamma and beta of a
    LayerNormalization, the constant of a Mul, Div or Add, or the layer before. A tensor that a residual also
    reads is not smoothed. No operator is inserted: a multiplication before each layer costs more time than
    its accuracy is worth. Raises ModelError where the baseline cannot be read or run.
    """
    network = Network(onnx.load(baseline))
    tensors = [
        tensor for tensor in find_scalable_tensors(network) if tensor.readers[0].node.op_type != "Conv"
    ]
    maxima = (
        _channel_maxima(baseline, batches, [tensor.name for tensor in tensors], threads) if tensors else {}
    )
    for tensor in tensors:
        factors = _factors(tensor, maxima[tensor.name], alpha)
        tensor.scale(factors)
        tensor.store(network, factors)
    save_beside(network.model, baseline, target)
    return len(tensors)


def _channel_maxima(
    baseline: Path, batches: Iterable[Arrays], tensors: list[str], threads: int
) -> dict[str, np.ndarray]:
    """Return the largest absolute value of each channel, the last axis, by tensor."""
    maxima: dict[str, np.ndarray] = {}
    for _, values in intermediate_values(
        read_structure(baseline), baseline.parent, batches, tensors, threads
    ):
        for name, value in values.items():
            rows = value.reshape(-1, value.shape[-1])
            largest = np.maximum(rows.max(0, initial=0), -rows.min(0, initial=0))
            maxima[name] = np.maximum(maxima[name], largest) if name in maxima else largest
    return maxima


def _factors(tensor: ScalableTensor, activations: np.ndarray, alpha: float) -> np.ndarray:
    """Apply equation 4, s_j = max|X_j|^alpha / max|W_j|^(1 - alpha)."""
    large = np.maximum(tensor.per_channel_maxima(activations), _SMALLEST)
    weights = np.maximum(tensor.reader_maxima(), _SMALLEST)
    return np.asarray(large**alpha / weights ** (1 - alpha))
