"""Joints: tensors whose channels can be divided in what makes them and multiplied back in what reads them, exactly."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import onnx

from inc_mlflow.engines.onnxruntime.graph.linear import Linear, per_channel
from inc_mlflow.engines.onnxruntime.graph.network import Network

_HOMOGENEOUS = {"Identity", "LeakyRelu", "Relu"}
"""f(x / s) = f(x) / s for s > 0; Clip, and so ReLU6, is not."""
_SPATIAL = _HOMOGENEOUS | {"AveragePool", "GlobalAveragePool", "GlobalMaxPool", "MaxPool"}


@dataclass(frozen=True)
class Constant:
    """Input ``position`` of ``node``, which shrinks with the tensor, or grows where it is what another is divided by."""

    node: onnx.NodeProto
    position: int
    values: np.ndarray
    divisor: bool = False


@dataclass(frozen=True)
class Joint:
    """A tensor that only linear layers read, and what makes it: a linear layer, or constants that set its scale."""

    tensor: str
    constants: tuple[Constant, ...]
    source: Linear | None
    readers: tuple[Linear, ...]

    @property
    def channels(self) -> int:
        """Return how many factors there are: of a flattened image several inputs of the readers share one."""
        return self.source.outputs if self.source else self.readers[0].inputs

    def per_channel_maxima(self, values: np.ndarray) -> np.ndarray:
        """Reduce what belongs to the readers' inputs to channels, float64."""
        return np.asarray(values.astype(np.float64).reshape(self.channels, -1).max(1))

    def reader_maxima(self) -> np.ndarray:
        """Return the largest absolute weight that each channel meets."""
        return self.per_channel_maxima(np.max([reader.input_maxima() for reader in self.readers], axis=0))

    def scale(self, factors: np.ndarray) -> None:
        """Divide each channel in the source, and multiply it in the readers."""
        if self.source:
            self.source.scale_outputs(1 / factors)
        for reader in self.readers:
            reader.scale_inputs(np.repeat(factors, reader.inputs // self.channels))

    def store(self, network: Network, total: np.ndarray) -> None:
        """Write the layers into the model, and the constants divided by ``total``, the product of all factors."""
        for one in self.constants:
            scaled = np.atleast_1d(one.values) * (total if one.divisor else 1 / total)
            network.replace(one.node, one.position, scaled.astype(np.float32))
        for layer in (self.source, *self.readers):
            if layer:
                network.save_linear(layer)


def find_joints(network: Network) -> Iterator[Joint]:
    """Yield the joints of a network in graph order.

    All the readers of one are alike: Conv, or Gemm and MatMul.
    """
    for tensor in dict.fromkeys(node.input[0] for node in network.model.graph.node if node.input):
        readers = network.linear_readers(tensor)
        if readers and (joint := _Search(network, tensor, readers).run()):
            yield joint


class _Search:
    """Follows a tensor back until its channels can be scaled.

    Gives up where something in between forbids it.
    """

    def __init__(self, network: Network, tensor: str, readers: tuple[Linear, ...]) -> None:
        self._network = network
        self._tensor = tensor
        self._readers = readers
        self._channels = readers[0].inputs
        self._spatial = (
            readers[0].node.op_type == "Conv"
        )  # channels are axis 1 then, and the last axis otherwise
        self._constants: list[Constant] = []

    def run(self) -> Joint | None:
        tensor: str | None = self._tensor
        while tensor is not None and (node := self._producer(tensor)) is not None:
            if (linear := self._network.linear(node)) is not None:
                return self._joint(linear) if self._fits(linear) else None
            if scales := self._scales(node):
                self._constants += scales
                return self._joint(None)
            tensor = self._before(node)
        return None

    def _joint(self, source: Linear | None) -> Joint:
        return Joint(self._tensor, tuple(self._constants), source, self._readers)

    def _producer(self, tensor: str) -> onnx.NodeProto | None:
        """Return the standard operator that has ``tensor`` as its first output."""
        node = self._network.producers.get(tensor)
        return (
            node if node is not None and node.domain in {"", "ai.onnx"} and node.output[0] == tensor else None
        )

    def _fits(self, source: Linear) -> bool:
        if self._spatial != (source.node.op_type == "Conv"):
            return False
        return self._channels == source.outputs or (self._spatial and self._channels % source.outputs == 0)

    def _before(self, node: onnx.NodeProto) -> str | None:
        """Step over an operator that passes positive factors on.

        None where it does not or others read its input.
        """
        position = 0
        if (offset := self._operand(node, "Add")) is not None:
            self._constants.append(offset)
            position = 1 - offset.position
        elif node.op_type == "Flatten" and not self._spatial and not self._constants and _axis(node, 1) == 1:
            self._spatial = True
        elif node.op_type not in (_SPATIAL if self._spatial else _HOMOGENEOUS):
            return None
        return node.input[position] if self._network.has_one_reader(node.input[position]) else None

    def _scales(self, node: onnx.NodeProto) -> tuple[Constant, ...]:
        """Return the constants of an operator that gives each channel its own scale, so that nothing before matters."""
        if node.op_type == "LayerNormalization" and not self._spatial:
            return self._affine(node)
        if (factor := self._operand(node, "Mul")) is not None:
            return (factor,)
        divisor = self._operand(node, "Div")
        return (replace(divisor, divisor=True),) if divisor is not None and divisor.position == 1 else ()

    def _affine(self, node: onnx.NodeProto) -> tuple[Constant, ...]:
        """Return gamma and beta of a LayerNormalization over the last axis."""
        positions = [position for position in range(1, len(node.input)) if node.input[position]]
        found = [(position, self._network.constant(node, position)) for position in positions]
        plain = [
            Constant(node, at, value)
            for at, value in found
            if value is not None and value.shape == (self._channels,)
        ]
        return tuple(plain) if len(plain) == len(found) and _axis(node, -1) == -1 else ()

    def _operand(self, node: onnx.NodeProto, op_type: str) -> Constant | None:
        """Return the constant operand of an elementwise operator with channels on the last axis."""
        for position in (0, 1) if node.op_type == op_type and not self._spatial else ():
            value = self._network.constant(node, position)
            if value is not None and per_channel(value, self._channels):
                return Constant(node, position, value)
        return None


def _axis(node: onnx.NodeProto, default: int) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == "axis"), default)
