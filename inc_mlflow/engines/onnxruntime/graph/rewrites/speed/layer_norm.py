"""Write layer normalisation that is spelled out as the operator, also in forms that ONNX Runtime misses.

The forms: (x - m) / sqrt(v + e) by Div, Reciprocal or 1 / ...; squares by Mul or Pow; and TensorFlow's
x f + (b - m f) with f = g / sqrt(v + e).
"""

from dataclasses import dataclass

import numpy as np
import onnx

from inc_mlflow.engines.onnxruntime.graph.attributes import attribute
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.edited_graph import EditedGraph
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.rule import Rule


@dataclass(frozen=True)
class _Deviation:
    """``name`` is sqrt(v + epsilon) of the last axis of x; ``centred`` is x - mean."""

    name: str
    x: str
    mean: str
    centred: str
    epsilon: float
    channels: int


def _apply(graph: EditedGraph) -> int:
    return sum(_replace(graph, node) for node in graph.nodes("Sqrt"))


def _replace(graph: EditedGraph, root: onnx.NodeProto) -> bool:
    deviation = _deviation(graph, root)
    if deviation is None:
        return False
    return _centred_form(graph, deviation) or _factor_form(graph, deviation)


def _deviation(graph: EditedGraph, root: onnx.NodeProto) -> _Deviation | None:
    added = graph.maker(root.input[0], "Add")
    if added is None:
        return None
    position = 0 if graph.number(added.input[0]) is not None else 1
    epsilon, variance = graph.number(added.input[position]), added.input[1 - position]
    squares = _mean_of(graph, variance)
    centred = _root_of_square(graph, squares) if squares is not None else None
    difference = graph.maker(centred, "Sub") if centred is not None else None
    if difference is None or centred is None or epsilon is None or not 0 < epsilon < 1:
        return None
    x, mean = difference.input
    shape = graph.shape(x)
    if _mean_of(graph, mean) != x or not shape or not shape[-1]:
        return None
    return _Deviation(root.output[0], x, mean, centred, epsilon, shape[-1])


def _mean_of(graph: EditedGraph, name: str) -> str | None:
    """Return the tensor of whose last axis this is the mean, kept as an axis of length 1."""
    node = graph.maker(name, "ReduceMean")
    shape = graph.shape(node.input[0]) if node is not None else None
    if node is None or not shape or not attribute(node, "keepdims", 1):
        return None
    axes = attribute(node, "axes", None)
    if axes is None and len(node.input) > 1:
        axes = graph.integers(node.input[1])
    last = len(shape) - 1
    return str(node.input[0]) if axes is not None and [axis % (last + 1) for axis in axes] == [last] else None


def _root_of_square(graph: EditedGraph, name: str) -> str | None:
    node = graph.maker(name, "Mul", "Pow")
    if node is None:
        return None
    squared = node.input[0] == node.input[1] if node.op_type == "Mul" else graph.number(node.input[1]) == 2
    return str(node.input[0]) if squared else None


def _inverse(graph: EditedGraph, deviation: _Deviation) -> str | None:
    """Return 1 / deviation, where that is all that is read of it."""
    node = graph.reader(deviation.name, "Div", "Reciprocal")
    if node is None or (node.op_type == "Div" and graph.number(node.input[0]) != 1):
        return None
    return str(node.output[0])


def _centred_form(graph: EditedGraph, deviation: _Deviation) -> bool:
    inverse = _inverse(graph, deviation)
    if inverse is None:
        last = graph.reader(deviation.name, "Div")
        if last is None or list(last.input) != [deviation.centred, deviation.name]:
            return False
    else:
        last = graph.reader(inverse, "Mul")
        if last is None or deviation.centred not in last.input:
            return False
    constants = []
    for kind, missing in (("Mul", 1.0), ("Add", 0.0)):
        node = graph.reader(last.output[0], kind)
        constant = _constant_beside(graph, node, last.output[0], deviation) if node is not None else None
        constants.append(np.full(deviation.channels, missing) if constant is None else constant)
        last = last if node is None or constant is None else node
    _write(graph, deviation, last, *constants)
    return True


def _factor_form(graph: EditedGraph, deviation: _Deviation) -> bool:
    inverse = _inverse(graph, deviation)
    scaled = graph.reader(inverse, "Mul") if inverse is not None else None
    gain = _constant_beside(graph, scaled, inverse or "", deviation) if scaled is not None else None
    if scaled is None or gain is None or not graph.inside(scaled.output[0]):
        return False
    factor = scaled.output[0]
    products = {
        _beside(use.node, factor): use.node for use in graph.uses(factor) if use.node.op_type == "Mul"
    }
    if products.keys() != {deviation.x, deviation.mean} or len(graph.uses(factor)) != 2:
        return False
    shifted = graph.reader(products[deviation.mean].output[0], "Sub")
    last = graph.reader(products[deviation.x].output[0], "Add")
    if shifted is None or last is None or shifted.output[0] not in last.input:
        return False
    offset = _row(graph, shifted.input[0], deviation)
    if offset is None or shifted.input[1] != products[deviation.mean].output[0]:
        return False
    _write(graph, deviation, last, gain, offset)
    return True


def _constant_beside(
    graph: EditedGraph, node: onnx.NodeProto, name: str, deviation: _Deviation
) -> np.ndarray | None:
    return _row(graph, _beside(node, name), deviation)


def _row(graph: EditedGraph, name: str, deviation: _Deviation) -> np.ndarray | None:
    """Return a constant (channels,) that meets every row of x alike."""
    constant, rank = graph.floats(name), len(graph.shape(deviation.x) or ())
    if constant is None or constant.ndim > rank or constant.size not in (1, deviation.channels):
        return None
    whole = constant.ndim == 0 or constant.shape[-1] == constant.size
    return np.broadcast_to(constant.reshape(-1), deviation.channels) if whole else None


def _beside(node: onnx.NodeProto, name: str) -> str:
    return str(node.input[1] if node.input[0] == name else node.input[0])


def _write(
    graph: EditedGraph, deviation: _Deviation, last: onnx.NodeProto, gain: np.ndarray, offset: np.ndarray
) -> None:
    out = last.output[0]
    pairs = zip((gain, offset), ("gain", "offset"), strict=True)
    names = [graph.new_constant(one.astype(np.float32), f"{out}_{word}") for one, word in pairs]
    inputs = [deviation.x, *names]
    graph.put(last, "LayerNormalization", inputs, axis=-1, epsilon=deviation.epsilon)


LAYER_NORM = Rule("layer norm", _apply)
