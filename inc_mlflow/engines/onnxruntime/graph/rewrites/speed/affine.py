"""Read Mul, Div, Add, Sub with a constant, and Neg, as y = factor x + offset."""

from dataclasses import dataclass

import numpy as np
import onnx

from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.edited_graph import EditedGraph

AFFINE = ("Add", "Div", "Mul", "Neg", "Sub")
_SMALLEST, _LARGEST = 1e-12, 1e12
"""Other factors could bring weights beyond the range of float32."""


@dataclass(frozen=True)
class Affine:
    """``factor`` and ``offset`` are float64 and broadcast against x without adding axes or elements to it."""

    node: onnx.NodeProto
    x: str
    factor: np.ndarray
    offset: np.ndarray

    @property
    def scales(self) -> bool:
        """Tell whether it has a factor, and no offset."""
        return not self.offset.any()

    @property
    def shifts(self) -> bool:
        """Tell whether it has an offset, and no factor."""
        return bool((self.factor == 1).all())

    @property
    def is_scalar(self) -> bool:
        """Tell whether it is the same for all elements."""
        return self.factor.size == 1 and self.offset.size == 1


def read_affine(graph: EditedGraph, node: onnx.NodeProto) -> Affine | None:
    """Return what a node computes; None where it has no constant, or one that makes its result larger."""
    if node.op_type == "Neg":
        return Affine(node, node.input[0], np.array(-1.0), np.array(0.0))
    if node.op_type not in AFFINE:
        return None
    for position in (1, 0):
        x, name = node.input[1 - position], node.input[position]
        if graph.constant_shape(name) is None or graph.constant_shape(x) is not None:
            continue
        constant = graph.floats(name)
        if constant is None or not _fits(graph, constant.shape, x):
            return None
        return _affine(node, x, constant.astype(np.float64), divided=position == 0)
    return None


def read_scaled_and_shifted(graph: EditedGraph, node: onnx.NodeProto) -> tuple[Affine, Affine] | None:
    """Return the factor and then the offset that give a node's output; None where it is not s x + b."""
    shift = read_affine(graph, node)
    if shift is None or not shift.shifts or graph.only_use(shift.x) is None:
        return None
    before = graph.maker(shift.x, *AFFINE)
    scale = read_affine(graph, before) if before is not None else None
    return (scale, shift) if scale is not None and scale.scales else None


def channel_values(values: np.ndarray, rank: int, axis: int, channels: int) -> np.ndarray | None:
    """Return one value per channel, (channels,); None where they differ along another axis.

    ``values`` broadcast against a tensor of this rank.
    """
    if values.size == 1:
        return np.broadcast_to(values.reshape(-1), (channels,))
    shape = (1,) * (rank - values.ndim) + values.shape
    alone = values.ndim <= rank and shape[axis] == values.size == channels
    return values.reshape(-1) if alone else None


def _fits(graph: EditedGraph, constant: tuple[int, ...], x: str) -> bool:
    """Tell whether x keeps its shape; where an axis is free, the constant must have length 1 there."""
    shape = graph.shape(x)
    if shape is None:
        return constant == ()
    if len(constant) > len(shape):
        return False
    own = shape[len(shape) - len(constant) :]
    return all(length in (1, axis) for length, axis in zip(constant, own, strict=True))


def _affine(node: onnx.NodeProto, x: str, constant: np.ndarray, divided: bool) -> Affine | None:
    """Return y for x and a constant; ``divided`` tells that the constant comes first."""
    one, none = np.array(1.0), np.array(0.0)
    if node.op_type == "Add":
        return Affine(node, x, one, constant)
    if node.op_type == "Sub":
        return Affine(node, x, -one, constant) if divided else Affine(node, x, one, -constant)
    sizes = np.abs(constant[constant != 0])
    moderate = bool(((sizes > _SMALLEST) & (sizes < _LARGEST)).all())
    if not moderate or (node.op_type == "Div" and (divided or sizes.size < constant.size)):
        return None
    return Affine(node, x, constant if node.op_type == "Mul" else 1 / constant, none)
