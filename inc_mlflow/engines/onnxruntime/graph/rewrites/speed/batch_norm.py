"""Write a batch norm that stands behind no layer as a factor and an offset per channel.

These can move behind a pool and into the next layer; what is left becomes a depthwise convolution. INT8 has
no kernel for the operator itself: its input and output would be float.
"""

import numpy as np
import onnx

from inc_mlflow.engines.onnxruntime.graph.attributes import attribute
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.edited_graph import EditedGraph
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.rule import Rule

_RANK = 4
"""Images: of other ranks, what cannot be folded would be two operators instead of one."""


def _apply(graph: EditedGraph) -> int:
    return sum(_split(graph, node) for node in graph.nodes("BatchNormalization"))


def _split(graph: EditedGraph, node: onnx.NodeProto) -> bool:
    shape = graph.shape(node.input[0])
    if len(node.output) > 1 or attribute(node, "training_mode", 0) or shape is None or len(shape) != _RANK:
        return False
    constants = [graph.floats(name) for name in node.input[1:]]
    given = [one.astype(np.float64) for one in constants if one is not None]
    if len(given) < len(constants) or shape[1] is None or shape[1] < 2:
        return False
    scale, shift, mean, variance = given
    epsilon = attribute(node, "epsilon", 1e-5)
    if (variance + epsilon <= 0).any():
        return False
    factor = scale / np.sqrt(variance + epsilon)
    columns = [one.astype(np.float32).reshape(-1, 1, 1) for one in (factor, shift - mean * factor)]
    if not all(np.isfinite(one).all() for one in columns):
        return False
    out = node.output[0]
    names = [graph.new_constant(one, f"{out}_{word}") for one, word in zip(columns, _WORDS, strict=True)]
    scaled = graph.add("Mul", [node.input[0], names[0]], f"{out}_scaled", shape)
    graph.put(node, "Add", [scaled, names[1]])
    return True


_WORDS = ("factor", "offset")
BATCH_NORM = Rule("batch norm", _apply)
