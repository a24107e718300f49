"""Write a factor and an offset per channel of an image, which no layer took, as one depthwise convolution.

Integer kernels compute it as they do any convolution, with the Relu behind it. In float, ONNX Runtime would
bring an Add between two convolutions out of their blocked layout and back.
"""

import numpy as np
import onnx

from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.affine import (
    Affine,
    channel_values,
    read_affine,
    read_scaled_and_shifted,
)
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.edited_graph import EditedGraph
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.rule import Rule

_RANK = 4
_BLOCK = 8
"""Channels that one block has at least."""
_BLOCKED = ("Add", "AveragePool", "Clip", "Conv", "MaxPool", "Mul", "Relu")
"""Operators whose output may be in the layout of a convolution."""


def _apply(graph: EditedGraph) -> int:
    return sum(_join(graph, node) or _alone(graph, node) for node in graph.nodes("Add", "Sub"))


def _join(graph: EditedGraph, node: onnx.NodeProto) -> bool:
    """Write s x + b where s differs between channels."""
    found = read_scaled_and_shifted(graph, node)
    if found is None or found[0].factor.size == 1:
        return False
    scale, shift = found
    return _write(graph, Affine(node, scale.x, scale.factor, shift.offset))


def _alone(graph: EditedGraph, node: onnx.NodeProto) -> bool:
    """Write x + b between convolutions."""
    step = read_affine(graph, node)
    if step is None or not step.shifts or graph.maker(step.x, *_BLOCKED) is None:
        return False
    readers = [use.node for use in graph.uses(node.output[0])]
    shape = graph.shape(step.x)
    blocked = shape is not None and len(shape) == _RANK and (shape[1] or 0) % _BLOCK == 0
    between = graph.inside(node.output[0]) and all(reader.op_type == "Conv" for reader in readers)
    return bool(readers) and blocked and between and _write(graph, step)


def _write(graph: EditedGraph, step: Affine) -> bool:
    shape = graph.shape(step.x)
    channels = shape[1] if shape is not None and len(shape) == _RANK else None
    if channels is None or channels < 2:
        return False
    factors, offsets = (channel_values(v, _RANK, 1, channels) for v in (step.factor, step.offset))
    if factors is None or offsets is None:
        return False
    out = step.node.output[0]
    weights = graph.new_constant(factors.astype(np.float32).reshape(-1, 1, 1, 1), f"{out}_weights")
    bias = graph.new_constant(offsets.astype(np.float32), f"{out}_bias")
    graph.put(step.node, "Conv", [step.x, weights, bias], group=channels, kernel_shape=[1, 1])
    return True


DEPTHWISE = Rule("depthwise convolution", _apply)
