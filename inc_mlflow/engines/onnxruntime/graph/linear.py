"""One view of Conv, Gemm and MatMul with constant weights: input and output channels that can be scaled."""

from dataclasses import dataclass

import numpy as np
import onnx


@dataclass
class Linear:
    """A linear layer; scaling changes ``weights`` and ``bias`` (float32, shaped as in the file) in place."""

    node: onnx.NodeProto
    weights: np.ndarray
    bias: np.ndarray | None
    groups: int
    inputs_first: bool
    """Whether weights are (inputs, outputs), as in MatMul."""

    @property
    def outputs(self) -> int:
        """Return the number of output channels."""
        return int(self.weights.shape[1 if self.inputs_first else 0])

    @property
    def inputs(self) -> int:
        """Return the number of input channels."""
        return int(self.weights.shape[0] if self.inputs_first else self.weights.shape[1] * self.groups)

    def output_maxima(self) -> np.ndarray:
        """Return the largest absolute weight of each output channel, float32 (outputs,)."""
        return np.asarray(np.abs(self._grouped()).max((2, 3)).reshape(-1))

    def input_maxima(self) -> np.ndarray:
        """Return the largest absolute weight on each input channel, float32 (inputs,)."""
        return np.asarray(np.abs(self._grouped()).max((1, 3)).reshape(-1))

    def scale_outputs(self, factors: np.ndarray) -> None:
        """Multiply the weights and bias of each output channel by its factor; ``factors`` are (outputs,)."""
        grouped = self._grouped()
        grouped *= factors.astype(np.float32).reshape(self.groups, -1, 1, 1)
        if self.bias is not None:
            self.bias *= factors.astype(np.float32)

    def scale_inputs(self, factors: np.ndarray) -> None:
        """Multiply the weights on each input channel by its factor; ``factors`` are (inputs,)."""
        grouped = self._grouped()
        grouped *= factors.astype(np.float32).reshape(self.groups, 1, -1, 1)

    def _grouped(self) -> np.ndarray:
        """Return a view of the weights as (groups, outputs of a group, inputs of a group, kernel)."""
        if self.inputs_first:
            return self.weights.T[None, :, :, None]
        outputs, inputs = self.weights.shape[:2]
        return self.weights.reshape(self.groups, outputs // self.groups, inputs, -1)


def as_linear(node: onnx.NodeProto, weights: np.ndarray | None, bias: np.ndarray | None) -> Linear | None:
    """Return the layer of a node with copies of these constants; None where its channels cannot be scaled."""
    attributes = {attribute.name: attribute.i for attribute in node.attribute}
    if node.domain not in {"", "ai.onnx"} or weights is None or (bias is None and _has(node, 2)):
        return None
    if node.op_type == "Conv":
        return Linear(
            node, weights.copy(), None if bias is None else bias.copy(), attributes.get("group", 1), False
        )
    if weights.ndim != 2 or node.op_type not in {"Gemm", "MatMul"} or attributes.get("transA"):
        return None
    inputs_first = not attributes.get("transB")
    outputs = weights.shape[1 if inputs_first else 0]
    if bias is not None and not per_channel(bias, outputs):
        return None
    spread = None if bias is None else np.broadcast_to(bias.reshape(-1), outputs).copy()
    return Linear(node, weights.copy(), spread, 1, inputs_first)


def per_channel(constant: np.ndarray, channels: int) -> bool:
    """Tell whether a constant has one value for all channels, or one per channel along its last axis."""
    return constant.size == 1 or (constant.size == channels == constant.shape[-1])


def _has(node: onnx.NodeProto, position: int) -> bool:
    return position < len(node.input) and bool(node.input[position])
