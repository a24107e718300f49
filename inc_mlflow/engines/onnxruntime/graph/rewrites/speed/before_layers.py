"""Fold a Mul, Div, Add or Sub with one number, or one per channel, into all layers that read it.

The zeros around a padded convolution are not shifted, so an offset cannot be folded there. In s x + b before
such a layer, s is folded all the same: s (x + b / s).
"""

from collections.abc import Sequence

import numpy as np
import onnx

from inc_mlflow.engines.onnxruntime.graph.linear import Linear
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.affine import (
    AFFINE,
    Affine,
    channel_values,
    read_affine,
    read_scaled_and_shifted,
)
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.edited_graph import EditedGraph
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.gelu import is_unscaled_gelu
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.layers import (
    is_finite,
    is_padded,
    layer,
    rank_and_channel_axis,
    shift_inputs,
    store,
)
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.rule import Rule


def _apply(graph: EditedGraph) -> int:
    return sum(_fold(graph, node) or _swap(graph, node) for node in graph.nodes(*AFFINE))


def _fold(graph: EditedGraph, node: onnx.NodeProto) -> bool:
    step = read_affine(graph, node)
    if step is None or is_unscaled_gelu(graph, step.x):
        return False
    layers = _readers(graph, node.output[0])
    if not layers or not all(_folded(graph, step, linear) for linear in layers):
        return False
    for linear in layers:
        store(graph, linear)
    graph.move_uses(node.output[0], step.x)
    return True


def _swap(graph: EditedGraph, node: onnx.NodeProto) -> bool:
    """Write s x + b before padded convolutions as x + b / s, and fold s."""
    found = read_scaled_and_shifted(graph, node)
    if found is None or not found[0].factor.all():
        return False
    scale, shift = found
    layers = _readers(graph, node.output[0])
    alone = Affine(node, node.output[0], scale.factor, np.array(0.0))
    with np.errstate(over="ignore"):
        offset = (shift.offset / scale.factor).astype(np.float32)
    if not layers or not np.isfinite(offset).all() or not all(_folded(graph, alone, one) for one in layers):
        return False
    for linear in layers:
        store(graph, linear)
    graph.put(node, "Add", [scale.x, graph.new_constant(offset, f"{node.output[0]}_offset")])
    return True


def _readers(graph: EditedGraph, name: str) -> Sequence[Linear]:
    """Return all readers of a tensor where each is a layer and reads it as its input; else nothing."""
    uses = graph.uses(name)
    if not graph.inside(name) or any(use.position != 0 for use in uses):
        return ()
    layers = [layer(graph, use.node) for use in uses]
    found = [linear for linear in layers if linear is not None]
    return found if len(found) == len(layers) else ()


def _folded(graph: EditedGraph, step: Affine, linear: Linear) -> bool:
    """Put factor and offset into a layer; return whether it can hold them."""
    kind = linear.node.op_type
    padded = kind == "Conv" and is_padded(linear.node, linear.weights.shape[2:])
    if not step.scales and (kind == "MatMul" or padded):
        return False
    place = rank_and_channel_axis(graph, linear, step.x)
    if place is None:
        return False
    factors, offsets = (channel_values(v, *place, linear.inputs) for v in (step.factor, step.offset))
    if factors is None or offsets is None:
        return False
    if not step.scales:
        shift_inputs(linear, np.ascontiguousarray(offsets))
    if not step.shifts:
        linear.scale_inputs(factors)
    return is_finite(linear)


BEFORE_LAYERS = Rule("constants before layers", _apply)
