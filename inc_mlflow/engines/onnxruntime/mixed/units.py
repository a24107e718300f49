"""Find the units of a baseline."""

from collections.abc import Iterable

import numpy as np
import onnx

from inc_mlflow.engines.onnxruntime.graph.attributes import attribute
from inc_mlflow.engines.onnxruntime.graph.captured import captured_tensors
from inc_mlflow.engines.onnxruntime.graph.network import Network
from inc_mlflow.engines.onnxruntime.mixed.unit import Unit, UnitKind, Units

_STANDARD = {"", "ai.onnx"}
_MOVES = frozenset({"Flatten", "MaxPool", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze"})
_UNARY = frozenset({"GlobalAveragePool", "LeakyRelu", "Sigmoid", "Softmax"})
_BINARY = frozenset({"Add", "MatMul", "Mul"})
_SCALARS = frozenset({"Add", "Div", "Mul", "Sub"})
_FLOAT = onnx.TensorProto.FLOAT


def find_units(network: Network) -> Units:
    """Return the units of a graph whose nodes are in the order of the data; each node is in exactly one."""
    finder = _Finder(network)
    return Units(tuple(finder.units()), finder.outputs, finder.ranks)


class _Finder:
    def __init__(self, network: Network) -> None:
        self._network = network
        graph = network.model.graph
        values = {value.name: value for value in (*graph.value_info, *graph.output, *graph.input)}
        constants = {tensor.name for tensor in graph.initializer}
        tensors = {name: value.type.tensor_type for name, value in values.items() if name not in constants}
        self._floats = {name for name, tensor in tensors.items() if tensor.elem_type == _FLOAT}
        self.ranks = {
            name: len(tensor.shape.dim) for name, tensor in tensors.items() if tensor.HasField("shape")
        }
        self.outputs = frozenset({value.name for value in graph.output} | captured_tensors(network.model))

    def units(self) -> Iterable[Unit]:
        taken: set[str] = set()
        for node in self._network.model.graph.node:
            if node.name in taken:
                continue
            unit = self._unit(node)
            taken |= {one.name for one in unit.nodes}
            yield unit

    def _unit(self, node: onnx.NodeProto) -> Unit:
        kind, nodes = self._matched(node)
        inputs = tuple(dict.fromkeys(name for one in nodes for name in one.input if name in self._floats))
        inside = {name for one in nodes[:-1] for name in one.output}
        unit = Unit(kind, nodes, tuple(name for name in inputs if name not in inside))
        if kind is not UnitKind.OTHER and unit.output not in self._floats:
            return Unit(UnitKind.OTHER, (node,), tuple(name for name in inputs if name in node.input))
        return unit

    def _matched(self, node: onnx.NodeProto) -> tuple[UnitKind, tuple[onnx.NodeProto, ...]]:
        """Return how a unit that begins with ``node`` is written, and its nodes."""
        active = [name for name in node.input if name in self._floats]
        if node.domain not in _STANDARD or len(node.output) != 1 or node.input[:1] == [""]:
            return UnitKind.OTHER, (node,)
        if self._is_linear(node):
            return UnitKind.LINEAR, self._clipped((node, *self._bias_add(node)))
        if hard_swish := self._hard_swish(node):
            return UnitKind.HARD_SWISH, hard_swish
        if node.op_type in _SCALARS and self._is_scalar(node):
            return UnitKind.SCALAR, (node,)
        if node.op_type in _MOVES and active == [node.input[0]] and self._moves(node):
            return UnitKind.MOVE, (node,)
        if self._has_kernel(node, active):
            return UnitKind.KERNEL, self._clipped((node,))
        return UnitKind.OTHER, (node,)

    def _is_linear(self, node: onnx.NodeProto) -> bool:
        weights = self._constant(node, 1) if node.op_type in {"Conv", "Gemm", "MatMul"} else None
        if weights is None or node.input[0] not in self._floats or not weights.size:
            return False
        bias = self._constant(node, 2)
        if bias is None and len(node.input) > 2 and node.input[2]:
            return False
        if node.op_type == "Conv":
            return True
        plain = not attribute(node, "transA", 0) and all(
            attribute(node, n, 1.0) == 1.0 for n in ("alpha", "beta")
        )
        return (
            weights.ndim == 2
            and plain
            and (bias is None or bias.shape == (weights.shape[channel_axis(node)],))
        )

    def _bias_add(self, node: onnx.NodeProto) -> tuple[onnx.NodeProto, ...]:
        """Return the Add of one number per channel behind a MatMul, if nothing else reads its output."""
        add = self._only_reader(node, "Add") if node.op_type == "MatMul" else None
        if add is None:
            return ()
        values = self._operand(add, node.output[0])
        columns = self._network.constant(node, 1)
        return (
            (add,) if values is not None and columns is not None and values.shape == columns.shape[1:] else ()
        )

    def _clipped(self, nodes: tuple[onnx.NodeProto, ...]) -> tuple[onnx.NodeProto, ...]:
        """Add the Relu or Clip that alone reads the last node: INT8 saturates where it does."""
        for op_type in ("Relu", "Clip"):
            reader = self._only_reader(nodes[-1], op_type)
            if reader is not None and reader.input[0] == nodes[-1].output[0]:
                bounds = clip_bounds(self._network, reader)
                return (*nodes, reader) if bounds and bounds[0] <= 0 <= bounds[1] else nodes
        return nodes

    def _hard_swish(self, node: onnx.NodeProto) -> tuple[onnx.NodeProto, ...]:
        """Return x * HardSigmoid(x), in one operator or two, with a slope and an offset above zero."""
        if node.op_type == "HardSwish" and node.input[0] in self._floats:
            return (node,)
        product = self._only_reader(node, "Mul") if node.op_type == "HardSigmoid" else None
        slope, offset = hard_sigmoid(node)
        if product is None or slope <= 0 or offset <= 0 or node.input[0] not in self._floats:
            return ()
        return (node, product) if sorted(product.input) == sorted((node.input[0], node.output[0])) else ()

    def _is_scalar(self, node: onnx.NodeProto) -> bool:
        """Tell whether one number is added, or one above zero multiplied, without changing the shape."""
        found = scalar(self._network, node)
        if found is None:
            return False
        tensor, factor, _ = found
        same = self.ranks.get(tensor) is not None and self.ranks.get(tensor) == self.ranks.get(node.output[0])
        return tensor in self._floats and factor > 0 and same

    def _moves(self, node: onnx.NodeProto) -> bool:
        return node.op_type != "MaxPool" or not attribute(node, "storage_order", 0)

    def _has_kernel(self, node: onnx.NodeProto, active: list[str]) -> bool:
        if node.op_type in _UNARY:
            return active == [node.input[0]]
        if node.op_type == "AveragePool":
            return active == [node.input[0]] and not any(one.name == "dilations" for one in node.attribute)
        if node.op_type in _BINARY:
            return len(set(active)) == 2 == len(node.input)
        return node.op_type == "Concat" and len(active) == len(node.input) > 1

    def _only_reader(self, node: onnx.NodeProto, op_type: str) -> onnx.NodeProto | None:
        """Return the only reader of a node's output, if it is such an operator of the standard."""
        name = node.output[0]
        if not self._network.has_one_reader(name) or name in self.outputs:
            return None
        (reader,) = self._network.readers(name)
        return reader if reader.op_type == op_type and reader.domain in _STANDARD else None

    def _operand(self, node: onnx.NodeProto, tensor: str) -> np.ndarray | None:
        """Return the constant that a node combines with a tensor."""
        return self._constant(node, 1 if node.input[0] == tensor else 0)

    def _constant(self, node: onnx.NodeProto, position: int) -> np.ndarray | None:
        return self._network.constant(node, position)


def scalar(network: Network, node: onnx.NodeProto) -> tuple[str, float, float] | None:
    """Read Add, Sub, Mul and Div as ``tensor * factor + offset``; None where no operand is one number."""
    for position in (0, 1):
        value = network.constant(node, position)
        if value is None or value.size != 1 or not np.isfinite(value).all():
            continue
        number, tensor = float(value.ravel()[0]), node.input[1 - position]
        match node.op_type, position:
            case "Add", _:
                return tensor, 1.0, number
            case "Sub", 1:
                return tensor, 1.0, -number
            case "Mul", _:
                return tensor, number, 0.0
            case "Div", 1 if number:
                return tensor, 1 / number, 0.0
    return None


def clip_bounds(network: Network, node: onnx.NodeProto) -> tuple[float, float] | None:
    """Return the bounds of a Relu or Clip, infinite where there are none; None where they are computed."""
    if node.op_type == "Relu":
        return 0.0, np.inf
    bounds = []
    for position, absent in ((1, -np.inf), (2, np.inf)):
        value = network.constant(node, position)
        if value is None and position < len(node.input) and node.input[position]:
            return None
        bounds.append(absent if value is None else float(value.ravel()[0]))
    return bounds[0], bounds[1]


def hard_sigmoid(node: onnx.NodeProto) -> tuple[float, float]:
    """Return slope and offset of HardSigmoid, or of the one inside HardSwish."""
    if node.op_type == "HardSwish":
        return 1 / 6, 0.5
    return float(attribute(node, "alpha", 0.2)), float(attribute(node, "beta", 0.5))


def channel_axis(node: onnx.NodeProto) -> int:
    """Return the axis of output channels in the weights of a Conv, Gemm or MatMul."""
    return 0 if node.op_type == "Conv" or attribute(node, "transB", 0) else 1
