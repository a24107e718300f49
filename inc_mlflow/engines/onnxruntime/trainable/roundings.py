"""Where a QDQ graph rounds: its activations, weights and biases, and the initialisers that say how."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from inc_mlflow.engines.onnxruntime.graph.attributes import attribute
from inc_mlflow.engines.onnxruntime.graph.initializers import values
from inc_mlflow.errors import ModelError

_LAYERS = frozenset({"Conv", "ConvTranspose", "Gemm", "MatMul"})
"""Operators whose second input is a matrix of weights, and the third, where there is one, a bias."""
_BIASED = _LAYERS | {"InstanceNormalization", "LayerNormalization"}
"""Operators whose bias the quantiser keeps in steps of the input's scale times those of the second input."""


@dataclass(frozen=True)
class StoredWeight:
    """A constant that is kept as integers; the initialisers are named."""

    integers: str
    steps: str
    zero_points: str | None
    axis: int
    layer: bool

    def spread(self, array: np.ndarray, dimensions: int) -> np.ndarray:
        """Return steps or zero points in a shape that spreads over the weight."""
        if array.size == 1:
            return array.reshape([1] * dimensions)
        return array.reshape([-1 if axis == self.axis else 1 for axis in range(dimensions)])


@dataclass(frozen=True)
class StoredBias:
    """A bias that is kept as integers; ``scale`` is that of the layer's input, ``weight`` its weight."""

    integers: str
    steps: str
    scale: str
    weight: str


class Roundings:
    """The roundings of one graph, by the name of the tensor that they give.

    Raises ModelError where one is of a kind that cannot be trained.
    """

    def __init__(self, model: onnx.ModelProto, folder: Path) -> None:
        self.tensors = {tensor.name: tensor for tensor in model.graph.initializer}
        self._folder = folder
        self._nodes = model.graph.node
        self.activations = {node.output[0]: node for node in self._nodes if node.op_type == "QuantizeLinear"}
        self.passed_on = {
            node.output[0]: node.input[0]
            for node in self._nodes
            if node.op_type == "DequantizeLinear" and node.input[0] in self.activations
        }
        """Output -> the rounded tensor that it is."""
        constants = {node.output[0]: node for node in self._constants()}
        layers = {node.input[1] for node in self._nodes if node.op_type in _LAYERS}
        biases = {name for name, node in constants.items() if self._type(node.input[0]) == np.int32}
        self.weights = {
            name: self._weight(node, name in layers) for name, node in constants.items() if name not in biases
        }
        self.biases = {name: self._bias(constants[name]) for name in constants if name in biases}

    def array(self, name: str) -> np.ndarray:
        """Return the values of an initialiser."""
        return values(self.tensors[name], self._folder)

    def scale_of(self, rounded: str) -> str:
        """Return the initialiser with an activation's scale; ModelError where it is no single constant."""
        node = self.activations[rounded]
        scale = self.tensors.get(node.input[1])
        if scale is None or int(np.prod(scale.dims)) != 1 or (len(node.input) > 2 and not self._known(node)):
            raise ModelError(
                f"node {node.name!r}: its scale is no single constant, so it cannot be trained; "
                "choose another start"
            )
        return str(scale.name)

    def rounds(self, node: onnx.NodeProto) -> bool:
        """Tell whether a node is one of those that this object describes."""
        out = node.output[0]
        return out in self.activations or out in self.passed_on or out in self.weights or out in self.biases

    def _known(self, node: onnx.NodeProto) -> bool:
        return node.input[2] in self.tensors

    def _constants(self) -> Iterator[onnx.NodeProto]:
        for node in self._nodes:
            if node.op_type != "DequantizeLinear" or node.input[0] in self.activations:
                continue
            if any(name not in self.tensors for name in node.input if name):
                raise ModelError(
                    f"node {node.name!r}: its integers are computed, so it cannot be trained; "
                    "choose another start"
                )
            yield node

    def _type(self, name: str) -> np.dtype:
        return onnx.helper.tensor_dtype_to_np_dtype(self.tensors[name].data_type)

    def _weight(self, node: onnx.NodeProto, layer: bool) -> StoredWeight:
        dimensions = len(self.tensors[node.input[0]].dims)
        axis = int(attribute(node, "axis", 1))
        zero_points = node.input[2] if len(node.input) > 2 and node.input[2] else None
        return StoredWeight(
            node.input[0], node.input[1], zero_points, axis % dimensions if dimensions else 0, layer
        )

    def _bias(self, node: onnx.NodeProto) -> StoredBias:
        name = node.output[0]
        layers = [one for one in self._nodes if one.op_type in _BIASED and name in one.input[2:]]
        places = {(self.passed_on.get(one.input[0]), one.input[1]) for one in layers}
        rounded, weight = next(iter(places), (None, ""))
        if len(places) != 1 or rounded is None or weight not in self.weights:
            raise ModelError(
                f"node {node.name!r}: a bias whose scale is not that of one layer cannot be trained; "
                "choose another start"
            )
        return StoredBias(node.input[0], node.input[1], self.scale_of(rounded), weight)


def constants_of(model: onnx.ModelProto, folder: Path) -> Mapping[str, np.ndarray]:
    """Return initialisers, and what Constant nodes give, by name."""
    found = {tensor.name: values(tensor, folder) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant":
            found[node.output[0]] = _constant(node, folder)
    return found


def _constant(node: onnx.NodeProto, folder: Path) -> np.ndarray:
    one = node.attribute[0]
    value = onnx.helper.get_attribute_value(one)
    if isinstance(value, onnx.TensorProto):
        return values(value, folder)
    return np.asarray(value, np.float32 if one.name.startswith("value_float") else np.int64)
