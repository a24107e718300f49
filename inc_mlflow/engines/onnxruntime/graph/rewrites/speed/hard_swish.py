"""Write x Clip(x + 3, 0, 6) / 6, in any order of its operators, as x HardSigmoid(x).

ONNX Runtime fuses this form, and no other, into the convolution before it. The rule takes any a, b and h in
Clip(a x + b, 0, h) / h = HardSigmoid(x; a / h, b / h), and any other factor beside it.
"""

from dataclasses import dataclass

import numpy as np
import onnx

from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.affine import AFFINE, read_affine
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.edited_graph import EditedGraph
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.rule import Rule

_CLOSE = 1e-6
"""Relative difference of a factor from 1 / h: both are rounded to float32."""


@dataclass(frozen=True)
class _Clipped:
    """Clip(slope x + offset, 0, high), which one node reads."""

    node: onnx.NodeProto
    x: str
    slope: float
    offset: float
    high: float


def _apply(graph: EditedGraph) -> int:
    decomposed = sum(_decomposed(graph, node) for node in graph.nodes("HardSwish"))
    return decomposed + sum(_gated(graph, node) for node in graph.nodes("Clip"))


def _gated(graph: EditedGraph, node: onnx.NodeProto) -> bool:
    clipped = _clipped(graph, node)
    return clipped is not None and (_scaled(graph, clipped) or _scaled_product(graph, clipped))


def _decomposed(graph: EditedGraph, node: onnx.NodeProto) -> bool:
    """Write the operator as ONNX defines it: one form for all readers of the graph."""
    x, out = node.input[0], node.output[0]
    gate = graph.add("HardSigmoid", [x], f"{out}_gate", graph.shape(out), alpha=1 / 6, beta=0.5)
    graph.put(node, "Mul", [x, gate])
    return True


def _clipped(graph: EditedGraph, node: onnx.NodeProto) -> _Clipped | None:
    bounds = [graph.number(name) if name else None for name in (*node.input[1:], "", "")]
    low, high = bounds[:2]
    if low != 0 or high is None or high <= 0 or graph.only_use(node.output[0]) is None:
        return None
    x, slope, offset = node.input[0], 1.0, 0.0
    # What others read as well is left to the rules that fold it into a layer.
    while graph.only_use(x) is not None and (before := graph.maker(x, *AFFINE)) is not None:
        step = read_affine(graph, before)
        if step is None or not step.is_scalar:
            break
        offset += slope * step.offset.item()
        x, slope = step.x, slope * step.factor.item()
    return _Clipped(node, x, slope, offset, high) if offset != 0 else None


def _scaled(graph: EditedGraph, clipped: _Clipped) -> bool:
    """Clip(...) / h itself."""
    out = clipped.node.output[0]
    if abs(clipped.high - 1) <= _CLOSE:
        graph.put(clipped.node, "HardSigmoid", [clipped.x], **_slopes(clipped))
        return True
    divided = graph.reader(out, "Div", "Mul")
    if divided is None or not _divides(graph, divided, clipped.high):
        return False
    graph.put(divided, "HardSigmoid", [clipped.x], **_slopes(clipped))
    return True


def _scaled_product(graph: EditedGraph, clipped: _Clipped) -> bool:
    """Other factor * Clip(...) / h, where the division stands behind the product or at the other factor."""
    out = clipped.node.output[0]
    product = graph.reader(out, "Mul")
    if product is None:
        return False
    other = product.input[1] if product.input[0] == out else product.input[0]
    target = graph.reader(product.output[0], "Div", "Mul")
    if target is None or not _divides(graph, target, clipped.high):
        target, divided = product, graph.maker(other, "Div", "Mul")
        if divided is None or graph.only_use(other) is None or not _divides(graph, divided, clipped.high):
            return False
        step = read_affine(graph, divided)
        other = step.x if step is not None else other
    gate = graph.add("HardSigmoid", [clipped.x], f"{out}_gate", graph.shape(out), **_slopes(clipped))
    graph.put(target, "Mul", [other, gate])
    return True


def _divides(graph: EditedGraph, node: onnx.NodeProto, number: float) -> bool:
    step = read_affine(graph, node)
    return (
        step is not None
        and step.is_scalar
        and step.scales
        and bool(np.isclose(step.factor.item() * number, 1, rtol=_CLOSE, atol=0))
    )


def _slopes(clipped: _Clipped) -> dict[str, float]:
    return {"alpha": clipped.slope / clipped.high, "beta": clipped.offset / clipped.high}


HARD_SWISH = Rule("hard swish", _apply)
