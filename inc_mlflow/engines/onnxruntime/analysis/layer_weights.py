"""The weights of a graph's layers, as frameworks have them: outputs first, then inputs."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx

from inc_mlflow.engines.onnxruntime.graph.network import Network


def layer_weights(model: Path) -> Iterator[np.ndarray]:
    """Yield the constant float32 weights of Conv, Gemm and MatMul as (outputs, inputs, *kernel)."""
    network = Network(onnx.load(model))
    for node in network.model.graph.node:
        linear = network.linear(node)
        if linear is not None:
            yield linear.weights.T if linear.inputs_first else linear.weights
