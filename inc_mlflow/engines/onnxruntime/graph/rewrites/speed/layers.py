"""Conv, Gemm and MatMul whose weights and bias a rule may change."""

import math
from collections.abc import Sequence

import numpy as np
import onnx

from inc_mlflow.engines.onnxruntime.graph.attributes import attribute
from inc_mlflow.engines.onnxruntime.graph.linear import Linear, as_linear
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.edited_graph import EditedGraph
from inc_mlflow.engines.onnxruntime.graph.uses import Use

LAYERS = ("Conv", "Gemm", "MatMul")
_SHARED = 1 << 16
"""Elements up to which weights that others read too may be copied."""
_WEIGHTS, _BIAS = 1, 2


def layer(graph: EditedGraph, node: onnx.NodeProto) -> Linear | None:
    """Return a layer with copies of its constants; None where they are not its own, or no float32."""
    if node.op_type not in LAYERS or not _plain(node) or not _own(graph, node.input[_WEIGHTS]):
        return None
    bias = node.input[_BIAS] if len(node.input) > _BIAS else ""
    weights = graph.floats(node.input[_WEIGHTS])
    return as_linear(node, weights, graph.floats(bias) if bias else None)


def rank_and_channel_axis(graph: EditedGraph, linear: Linear, tensor: str) -> tuple[int, int] | None:
    """Return rank and axis of the channels of a layer's input or output; None where the rank is unknown."""
    if linear.node.op_type == "Conv":
        return linear.weights.ndim, 1
    if linear.node.op_type == "Gemm":
        return 2, 1
    shape = graph.shape(tensor)
    return (len(shape), len(shape) - 1) if shape else None


def is_padded(node: onnx.NodeProto, kernel: Sequence[int]) -> bool:
    """Tell whether a Conv or pool reads zeros beyond its input; automatic padding of one element is none."""
    automatic = attribute(node, "auto_pad", b"NOTSET") not in {b"NOTSET", b"VALID"}
    if automatic:
        return any(length > 1 for length in kernel)
    return any(attribute(node, "pads", ()))


def shift_inputs(linear: Linear, offsets: np.ndarray) -> None:
    """Add to the bias what constants (inputs,) beside the input would give; the layer takes a bias."""
    weights = linear.weights.astype(np.float64)
    if linear.inputs_first:
        sums = offsets @ weights
    else:
        grouped = weights.reshape(linear.groups, -1, weights.shape[1], math.prod(weights.shape[2:]))
        sums = np.einsum("goik,gi->go", grouped, offsets.reshape(linear.groups, -1)).reshape(-1)
    add_to_bias(linear, sums)


def add_to_bias(linear: Linear, values: np.ndarray) -> None:
    """Add values (outputs,) to the bias, which is made where there is none."""
    bias = np.zeros(linear.outputs) if linear.bias is None else linear.bias.astype(np.float64)
    linear.bias = (bias + values).astype(np.float32)


def is_finite(linear: Linear) -> bool:
    """Tell whether all weights are finite, and the bias."""
    arrays = [linear.weights] if linear.bias is None else [linear.weights, linear.bias]
    return all(bool(np.isfinite(array).all()) for array in arrays)


def store(graph: EditedGraph, linear: Linear) -> None:
    """Give the node the changed constants."""
    node = linear.node
    graph.read(Use(node, _WEIGHTS), graph.new_constant(linear.weights, node.input[_WEIGHTS]))
    if linear.bias is not None:
        like = node.input[_BIAS] if len(node.input) > _BIAS else f"{node.output[0]}_added_bias"
        graph.read(Use(node, _BIAS), graph.new_constant(linear.bias, like))


def _own(graph: EditedGraph, weights: str) -> bool:
    shape = graph.constant_shape(weights)
    return shape is not None and (graph.only_use(weights) is not None or math.prod(shape) <= _SHARED)


def _plain(node: onnx.NodeProto) -> bool:
    return bool(attribute(node, "alpha", 1.0) == 1 and attribute(node, "beta", 1.0) == 1)
