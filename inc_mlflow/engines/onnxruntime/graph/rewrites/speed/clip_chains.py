"""Write Relu, Min and Max with numbers, and Clip, one behind the other, as one Relu or Clip.

TensorFlow's exporter writes ReLU6 as Relu, Min, Max. A convolution is fused with one of them at most, and a
quantiser rounds the values between them.
"""

import math

import numpy as np
import onnx

from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.edited_graph import EditedGraph
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.rule import Rule

_KINDS = ("Relu", "Min", "Max", "Clip")
_Ends = tuple[float, float]


def _apply(graph: EditedGraph) -> int:
    return sum(_join(graph, node) for node in graph.nodes(*_KINDS))


def _join(graph: EditedGraph, last: onnx.NodeProto) -> bool:
    """Join a node with the one before it, which nothing else reads."""
    if (outer := _bounded(graph, last)) is None or graph.only_use(outer[0]) is None:
        return False
    first = graph.maker(outer[0], *_KINDS)
    if first is None or (inner := _bounded(graph, first)) is None:
        return False
    low, high = (min(max(bound, outer[1][0]), outer[1][1]) for bound in inner[1])
    name = f"{last.output[0]}_bound"
    if (low, high) == (0, math.inf):
        graph.put(last, "Relu", [inner[0]])
    elif math.isfinite(low) and math.isfinite(high):
        bounds = [graph.new_constant(np.array(bound, np.float32), name) for bound in (low, high)]
        graph.put(last, "Clip", [inner[0], *bounds])
    else:
        return False
    return True


def _bounded(graph: EditedGraph, node: onnx.NodeProto) -> tuple[str, _Ends] | None:
    """Return what a node bounds, and by which numbers; None where they are not constant, or in disorder."""
    if node.op_type == "Relu":
        return node.input[0], (0.0, math.inf)
    if node.op_type == "Clip":
        bounds = _clip_bounds(graph, node)
        return (node.input[0], bounds) if bounds is not None and bounds[0] <= bounds[1] else None
    if len(node.input) != 2:
        return None
    for position, name in enumerate(node.input):
        other = node.input[1 - position]
        if (bound := graph.number(name)) is not None and _keeps_rank(graph, name, other):
            return other, ((-math.inf, bound) if node.op_type == "Min" else (bound, math.inf))
    return None


def _clip_bounds(graph: EditedGraph, node: onnx.NodeProto) -> _Ends | None:
    found = []
    for position, missing in ((1, -math.inf), (2, math.inf)):
        given = len(node.input) > position and node.input[position]
        bound = graph.number(node.input[position]) if given else missing
        if bound is None:
            return None
        found.append(bound)
    return found[0], found[1]


def _keeps_rank(graph: EditedGraph, number: str, other: str) -> bool:
    """A number of shape (1, 1) would give a vector a second axis."""
    rank, shape = len(graph.shape(number) or ()), graph.shape(other)
    return rank == 0 or (shape is not None and rank <= len(shape))


CLIP_CHAINS = Rule("clip chains", _apply)
