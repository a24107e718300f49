"""Scalable tensors: their channels can be divided by their producer and multiplied back by their readers.

The network computes the same: positive factors commute with the operators between.
"""

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
    """Constant input ``position`` of ``node``: scaled like the tensor, or inversely where it is a divisor."""

    node: onnx.NodeProto
    position: int
    values: np.ndarray
    divisor: bool = False


@dataclass(frozen=True)
class ScalableTensor:
    """A tensor that only linear layers read.

    ``source`` is the linear layer that makes it. Where it is None, ``constants`` set the scale of the
    channels.
    """

    name: str
    constants: tuple[Constant, ...]
    source: Linear | None
    readers: tuple[Linear, ...]

    @property
    def channels(self) -> int:
        """Return the number of factors; behind a Flatten, several inputs of the readers share one factor."""
        return self.source.outputs if self.source else self.readers[0].inputs

    def per_channel_maxima(self, values: np.ndarray) -> np.ndarray:
        """Reduce values (inputs of a reader,) to maxima (channels,), float64."""
        return np.asarray(values.astype(np.float64).reshape(self.channels, -1).max(1))

    def reader_maxima(self) -> np.ndarray:
        """Return the largest absolute weight on each channel, float64 (channels,)."""
        return self.per_channel_maxima(np.max([reader.input_maxima() for reader in self.readers], axis=0))

    def scale(self, factors: np.ndarray) -> None:
        """Divide each channel in the source and multiply it in the readers; ``factors`` are (channels,)."""
        if self.source:
            self.source.scale_outputs(1 / factors)
        for reader in self.readers:
            reader.scale_inputs(np.repeat(factors, reader.inputs // self.channels))

    def store(self, network: Network, total: np.ndarray) -> None:
        """Write layers and constants into the model; ``total`` (channels,) is the product of all factors."""
        for constant in self.constants:
            scaled = np.atleast_1d(constant.values) * (total if constant.divisor else 1 / total)
            network.replace(constant.node, constant.position, scaled.astype(np.float32))
        for layer in (self.source, *self.readers):
            if layer:
                network.save_linear(layer)


def find_scalable_tensors(network: Network) -> Iterator[ScalableTensor]:
    """Yield the scalable tensors of a network in graph order.

    The readers of one tensor are of one kind: Conv, or Gemm and MatMul.
    """
    for tensor in dict.fromkeys(node.input[0] for node in network.model.graph.node if node.input):
        readers = network.linear_readers(tensor)
        if readers and (found := _Search(network, tensor, readers).run()):
            yield found


class _Search:
    """Goes back from a tensor to the operator that can scale its channels, unless one between forbids it."""

    def __init__(self, network: Network, tensor: str, readers: tuple[Linear, ...]) -> None:
        self._network = network
        self._tensor = tensor
        self._readers = readers
        self._channels = readers[0].inputs
        # Where it is spatial, channels are axis 1, and else the last axis.
        self._spatial = readers[0].node.op_type == "Conv"
        self._constants: list[Constant] = []

    def run(self) -> ScalableTensor | None:
        tensor: str | None = self._tensor
        while tensor is not None and (node := self._producer(tensor)) is not None:
            if (linear := self._network.linear(node)) is not None:
                return self._scalable(linear) if self._fits(linear) else None
            if scales := self._scales(node):
                self._constants += scales
                return self._scalable(None)
            tensor = self._before(node)
        return None

    def _scalable(self, source: Linear | None) -> ScalableTensor:
        return ScalableTensor(self._tensor, tuple(self._constants), source, self._readers)

    def _producer(self, tensor: str) -> onnx.NodeProto | None:
        """Return the standard operator that has ``tensor`` as its first output."""
        node = self._network.producers.get(tensor)
        standard = node is not None and node.domain in {"", "ai.onnx"} and node.output[0] == tensor
        return node if standard else None

    def _fits(self, source: Linear) -> bool:
        if self._spatial != (source.node.op_type == "Conv"):
            return False
        return self._channels == source.outputs or (self._spatial and self._channels % source.outputs == 0)

    def _before(self, node: onnx.NodeProto) -> str | None:
        """Return the tensor before an operator that commutes with positive factors.

        None where the operator does not, or other nodes read that tensor too.
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
        """Return the constants of an operator that sets the scale of each channel; empty for any other."""
        if node.op_type == "LayerNormalization" and not self._spatial:
            return self._affine(node)
        if (factor := self._operand(node, "Mul")) is not None:
            return (factor,)
        divisor = self._operand(node, "Div")
        return (replace(divisor, divisor=True),) if divisor is not None and divisor.position == 1 else ()

    def _affine(self, node: onnx.NodeProto) -> tuple[Constant, ...]:
        """Return gamma and beta of a LayerNormalization over the last axis."""
        positions = [position for position in range(1, len(node.input)) if node.input[position]]
        values = [(position, self._network.constant(node, position)) for position in positions]
        plain = [
            Constant(node, position, value)
            for position, value in values
            if value is not None and value.shape == (self._channels,)
        ]
        return tuple(plain) if len(plain) == len(values) and _axis(node, -1) == -1 else ()

    def _operand(self, node: onnx.NodeProto, op_type: str) -> Constant | None:
        """Return the constant operand of an elementwise operator with channels on the last axis."""
        for position in (0, 1) if node.op_type == op_type and not self._spatial else ():
            value = self._network.constant(node, position)
            if value is not None and per_channel(value, self._channels):
                return Constant(node, position, value)
        return None


def _axis(node: onnx.NodeProto, default: int) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == "axis"), default)
