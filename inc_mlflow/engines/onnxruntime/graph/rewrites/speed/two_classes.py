"""Write a Softmax over two classes as a Sigmoid of their difference, which the layers before it compute.

softmax(a, b) = (sigmoid(a - b), sigmoid(b - a)). The two values of each pair lie side by side in memory from
the layer on, so that reshaping and joining do not part them.
"""

import numpy as np
import onnx

from inc_mlflow.engines.onnxruntime.graph.attributes import attribute
from inc_mlflow.engines.onnxruntime.graph.linear import Linear
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.edited_graph import EditedGraph
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.layers import LAYERS, is_finite, layer, store
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.rule import Rule


def _apply(graph: EditedGraph) -> int:
    return sum(_replace(graph, node) for node in graph.nodes("Softmax"))


def _replace(graph: EditedGraph, node: onnx.NodeProto) -> bool:
    shape = graph.shape(node.input[0])
    if not shape or shape[-1] != 2 or attribute(node, "axis", -1) not in (-1, len(shape) - 1):
        return False
    layers = _layers(graph, node.input[0])
    if layers is None or not all(map(_differences, layers)):
        return False
    for linear in layers:
        store(graph, linear)
    graph.put(node, "Sigmoid", [node.input[0]])
    return True


def _layers(graph: EditedGraph, name: str) -> list[Linear] | None:
    """Return the layers whose outputs alone become a tensor, pairs side by side; None where others do."""
    shape = graph.shape(name)
    if not shape or not shape[-1] or shape[-1] % 2 or graph.only_use(name) is None:
        return None
    node = graph.maker(name, *LAYERS, "Concat", "Flatten", "Reshape", "Transpose")
    if node is None:
        return None
    if node.op_type == "Transpose":
        return _channels_last(graph, node)
    if node.op_type in LAYERS:
        linear = layer(graph, node) if node.op_type != "Conv" else None
        return None if linear is None else [linear]
    if node.op_type != "Concat":
        return _layers(graph, node.input[0])
    parts = [_layers(graph, one) for one in node.input]
    return None if any(part is None for part in parts) else [one for part in parts for one in part or ()]


def _channels_last(graph: EditedGraph, node: onnx.NodeProto) -> list[Linear] | None:
    """Return the convolution whose channels a Transpose brings to the end."""
    order = attribute(node, "perm", ())
    conv = graph.maker(node.input[0], "Conv")
    if conv is None or not order or order[-1] != 1 or graph.only_use(node.input[0]) is None:
        return None
    linear = layer(graph, conv)
    return None if linear is None else [linear]


def _differences(linear: Linear) -> bool:
    """Let each output be its difference from its neighbour; return whether weights stay finite."""
    if linear.outputs % 2 or (linear.groups > 1 and linear.outputs // linear.groups % 2):
        return False
    weights = np.moveaxis(linear.weights, 1, 0) if linear.inputs_first else linear.weights
    changed = np.empty_like(weights)
    changed[::2] = weights[::2] - weights[1::2]
    changed[1::2] = -changed[::2]
    linear.weights = np.moveaxis(changed, 0, 1) if linear.inputs_first else changed
    if linear.bias is not None:
        difference = linear.bias[::2] - linear.bias[1::2]
        linear.bias = np.stack([difference, -difference], 1).reshape(-1)
    return is_finite(linear)


TWO_CLASSES = Rule("softmax of two classes", _apply)
