"""Let what reads a slice of a concatenation read the tensor that the slice is, or a slice of that tensor."""

from itertools import accumulate

import numpy as np
import onnx

from inc_mlflow.engines.onnxruntime.graph.attributes import attribute
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.edited_graph import EditedGraph
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.rule import Rule


def _apply(graph: EditedGraph) -> int:
    slices = sum(_shorten(graph, node) for node in graph.nodes("Slice"))
    return slices + sum(_shorten_split(graph, node) for node in graph.nodes("Split"))


def _shorten(graph: EditedGraph, node: onnx.NodeProto) -> bool:
    joined = graph.maker(node.input[0], "Concat")
    if joined is None or not graph.inside(node.output[0]) or len(node.input) < 4:
        return False
    limits = [graph.integers(name) for name in node.input[1:]]
    if any(one is None or len(one) != 1 for one in limits):
        return False
    start, end, axis, *step = (one[0] for one in limits if one is not None)
    spans = _spans(graph, joined, axis)
    if spans is None or step not in ([], [1]):
        return False
    length = spans[-1][1]
    start, end = (_position(one, length) for one in (start, end))
    for name, (first, last) in zip(joined.input, spans, strict=True):
        if first <= start < end <= last:
            part = (
                name
                if (start, end) == (first, last)
                else _part(graph, node, name, start - first, end - first)
            )
            graph.move_uses(node.output[0], part)
            return True
    return False


def _shorten_split(graph: EditedGraph, node: onnx.NodeProto) -> bool:
    """A Split into the very tensors that were joined."""
    joined = graph.maker(node.input[0], "Concat")
    if joined is None or len(joined.input) != len(node.output) or not all(map(graph.inside, node.output)):
        return False
    spans = _spans(graph, joined, attribute(node, "axis", 0))
    sizes = graph.integers(node.input[1]) if len(node.input) > 1 else None
    if spans is None or sizes is None or [last - first for first, last in spans] != list(sizes):
        return False
    outputs = list(zip(node.output, joined.input, strict=True))
    moved = [(output, name) for output, name in outputs if graph.uses(output)]
    for output, name in moved:
        graph.move_uses(output, name)
    return bool(moved)


def _spans(graph: EditedGraph, joined: onnx.NodeProto, axis: int) -> list[tuple[int, int]] | None:
    """Return where each input begins and ends on an axis; None where it is not the one they are joined on."""
    shapes = [graph.shape(name) for name in joined.input]
    if any(shape is None for shape in shapes):
        return None
    rank = len(shapes[0] or ())
    along = attribute(joined, "axis", 0)
    if rank == 0 or axis % rank != along % rank:
        return None
    lengths = [shape[along % rank] for shape in shapes if shape is not None]
    known = [length for length in lengths if length is not None]
    if len(known) < len(lengths):
        return None
    ends = list(accumulate(known))
    return list(zip([0, *ends[:-1]], ends, strict=True))


def _position(index: int, length: int) -> int:
    return min(max(index + length if index < 0 else index, 0), length)


def _part(graph: EditedGraph, node: onnx.NodeProto, name: str, start: int, end: int) -> str:
    out = node.output[0]
    limits = [graph.new_constant(np.array([one], np.int64), f"{out}_limit") for one in (start, end)]
    return graph.add("Slice", [name, *limits, node.input[3]], f"{out}_part", graph.shape(out))


SLICE_OF_CONCAT = Rule("slice of concat", _apply)
