"""Fold a Mul, Div, Add or Sub with one number, or one per channel, into the layer before it.

ONNX Runtime folds per-channel constants of convolutions alone.
"""

import numpy as np
import onnx

from inc_mlflow.engines.onnxruntime.graph.linear import Linear
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.affine import (
    AFFINE,
    Affine,
    channel_values,
    read_affine,
)
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.edited_graph import EditedGraph
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.layers import (
    LAYERS,
    add_to_bias,
    is_finite,
    layer,
    rank_and_channel_axis,
    store,
)
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.rule import Rule
from inc_mlflow.engines.onnxruntime.graph.uses import Use


def _apply(graph: EditedGraph) -> int:
    return sum(_fold(graph, node) for node in graph.nodes(*AFFINE))


def _fold(graph: EditedGraph, node: onnx.NodeProto) -> bool:
    step = read_affine(graph, node)
    if step is None or graph.only_use(step.x) is None:
        return False
    before = graph.maker(step.x, *LAYERS, "Add")
    if before is None:
        return False
    if before.op_type == "Add":
        return _fold_before_bias(graph, step, before)
    linear = layer(graph, before)
    if linear is None or not _folded(graph, step, linear):
        return False
    store(graph, linear)
    graph.pass_over(node)
    return True


def _folded(graph: EditedGraph, step: Affine, linear: Linear) -> bool:
    """Put factor and offset into a layer; return whether it can hold them."""
    if linear.node.op_type == "MatMul" and not step.scales:
        return False
    place = rank_and_channel_axis(graph, linear, step.x)
    if place is None:
        return False
    factors, offsets = (channel_values(v, *place, linear.outputs) for v in (step.factor, step.offset))
    if factors is None or offsets is None:
        return False
    if not step.shifts:
        linear.scale_outputs(factors)
    if not step.scales:
        add_to_bias(linear, offsets)
    return is_finite(linear)


def _fold_before_bias(graph: EditedGraph, step: Affine, add: onnx.NodeProto) -> bool:
    """The bias of a MatMul is an Add of its own: s (x W + b) = x (s W) + s b."""
    bias = read_affine(graph, add)
    if bias is None or not step.scales or graph.only_use(bias.x) is None:
        return False
    product = graph.maker(bias.x, "MatMul")
    linear = layer(graph, product) if product is not None else None
    if linear is None or not _folded(graph, Affine(step.node, bias.x, step.factor, np.array(0.0)), linear):
        return False
    scaled = np.asarray(bias.offset * step.factor, np.float32)
    if not np.isfinite(scaled).all():
        return False
    position = 1 if add.input[0] == bias.x else 0
    store(graph, linear)
    graph.read(Use(add, position), graph.new_constant(scaled, add.input[position]))
    graph.pass_over(step.node)
    return True


BEHIND_LAYERS = Rule("constants behind layers", _apply)
