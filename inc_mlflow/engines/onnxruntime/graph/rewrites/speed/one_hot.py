"""Write a one-hot encoding times weights as reading rows of these weights.

OneHot, and Equal with 0 .. n - 1 and Cast, give no 1 for an id out of range, and OneHot counts negative ids
from the end: the table has rows of zeros for the former and each row twice for the latter.
"""

import math

import numpy as np
import onnx
from onnx import TensorProto

from inc_mlflow.engines.onnxruntime.graph.attributes import attribute
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.edited_graph import EditedGraph
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.rule import Rule

_INTEGERS: dict[int, type[np.integer]] = {TensorProto.INT32: np.int32, TensorProto.INT64: np.int64}
_LARGEST = 1 << 22
"""Elements of a table that may be written a second time."""


def _apply(graph: EditedGraph) -> int:
    return sum(_replace(graph, node) for node in graph.nodes("MatMul"))


def _replace(graph: EditedGraph, node: onnx.NodeProto) -> bool:
    shape = graph.constant_shape(node.input[1])
    if shape is None or len(shape) != 2 or shape[0] * shape[1] > _LARGEST:
        return False
    weights = graph.floats(node.input[1])
    hot = graph.maker(node.input[0], "Cast", "OneHot")
    if weights is None or hot is None:
        return False
    write = _compared if hot.op_type == "Cast" else _encoded
    return write(graph, node, hot, weights)


def _compared(graph: EditedGraph, node: onnx.NodeProto, cast: onnx.NodeProto, weights: np.ndarray) -> bool:
    """Read the ids (..., 1) that are compared with 0 .. n - 1."""
    equal = graph.maker(cast.input[0], "Equal")
    if equal is None or attribute(cast, "to", 0) != TensorProto.FLOAT:
        return False
    depth = weights.shape[0]
    for position in (0, 1):
        numbers, ids = equal.input[position], equal.input[1 - position]
        known = graph.constant_shape(numbers)
        if known is None or known[-1:] != (depth,) or math.prod(known) != depth:
            continue
        if not _one_column(graph, ids, known):
            return False
        counted = graph.constant(numbers)
        kind = _INTEGERS.get(graph.element_type(numbers))
        if kind is None or counted is None or not np.array_equal(counted.reshape(-1), np.arange(depth)):
            return False
        table = np.concatenate([weights, np.zeros_like(weights[:1])])  # also row -1
        last = graph.new_constant(np.array([-1], np.int64), f"{ids}_last")
        rows = graph.add("Squeeze", [ids, last], f"{ids}_rows", (graph.shape(ids) or ())[:-1])
        _gather(graph, node, table, rows, (-1, depth), kind)
        return True
    return False


def _encoded(graph: EditedGraph, node: onnx.NodeProto, hot: onnx.NodeProto, weights: np.ndarray) -> bool:
    depth, ends = graph.constant(hot.input[1]), graph.floats(hot.input[2])
    kind = _INTEGERS.get(graph.element_type(hot.input[0]))
    if kind is None or depth is None or depth.reshape(-1).tolist() != [weights.shape[0]] or ends is None:
        return False
    if ends.tolist() != [0, 1] or attribute(hot, "axis", -1) != -1:
        return False
    count, none = weights.shape[0], np.zeros_like(weights[:1])
    table = np.concatenate([weights, none, none, weights])  # rows -count .. -1 are the last ones
    _gather(graph, node, table, hot.input[0], (-count - 1, count), kind)
    return True


def _gather(
    graph: EditedGraph,
    node: onnx.NodeProto,
    table: np.ndarray,
    ids: str,
    ends: tuple[int, int],
    kind: type[np.integer],
) -> None:
    """Let rows of a table take the place of a product; ids beyond the ends are these."""
    limits = [graph.new_constant(np.array(end, kind), f"{ids}_end") for end in ends]
    rows = graph.add("Clip", [ids, *limits], f"{ids}_clipped", graph.shape(ids))
    graph.put(node, "Gather", [graph.new_constant(table, node.input[1]), rows], axis=0)


def _one_column(graph: EditedGraph, ids: str, numbers: tuple[int, ...]) -> bool:
    """Tell whether ids end with an axis of length 1, and have the axes of the numbers at least."""
    shape = graph.shape(ids)
    if shape is None or len(shape) < max(len(numbers), 1):
        return False
    return shape[-1] == 1 or _expanded_to_one(graph, ids)


def _expanded_to_one(graph: EditedGraph, ids: str) -> bool:
    """Tell whether an Expand keeps a last axis of length 1, where its shape is joined at run time."""
    expand = graph.maker(ids, "Expand")
    before = graph.shape(expand.input[0]) if expand is not None else None
    if expand is None or not before or before[-1] != 1:
        return False
    shape = expand.input[1]
    while (cast := graph.maker(shape, "Cast")) is not None:
        shape = cast.input[0]
    joined = graph.maker(shape, "Concat")
    last = graph.integers(shape if joined is None else joined.input[-1])
    return last is not None and last[-1:] == (1,)


ONE_HOT = Rule("one-hot", _apply)
