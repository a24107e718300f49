"""Nodes that stay FP32 in a static candidate: ONNX Runtime's quantiser would change what they compute."""

from collections.abc import Collection, Mapping

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization.registry import QLinearOpsRegistry

from inc_mlflow.engines.onnxruntime.calibration.clipped import CLIPPING, clipped_inputs
from inc_mlflow.engines.onnxruntime.calibration.ranges import Range
from inc_mlflow.engines.onnxruntime.options import Static

_OWN_SCALE = frozenset(
    {
        *("Add", "AveragePool", "Concat", "Conv", "Gemm", "GlobalAveragePool"),
        *("LeakyRelu", "MatMul", "Mul", "Sigmoid"),
    }
)
"""Operators of the QOperator format with a scale from the range of their output. The others pass on that of
their input, and saturate nowhere else."""
_READ = {"Add": (0, 1), "Mul": (0, 1), "MatMul": (0, 1)}
"""Positions of activations, where they are more than the first."""
_FAINT = 16 / 256
"""The quantiser divides the output of every Softmax into 256 steps from 0 to 1. Of one that stays below this,
over many classes or positions, at most 16 steps are left, and nothing where all are alike."""


def nodes_kept_fp32(
    model: onnx.ModelProto, recipe: Static, ranges: Mapping[str, Range], unusable: Collection[str]
) -> list[str]:
    """Return the names of nodes to exclude beside those of the recipe, in graph order.

    ``ranges`` are those of the tensors that have one. Nodes at ``unusable`` tensors stay FP32, since INT8
    cannot hold them.
    """
    return _Chooser(model, recipe, ranges, unusable).kept()


class _Chooser:
    """Decides node after node: what a Relu may become depends on the operator before it."""

    def __init__(
        self,
        model: onnx.ModelProto,
        recipe: Static,
        ranges: Mapping[str, Range],
        unusable: Collection[str],
    ) -> None:
        self._nodes, self._recipe, self._ranges = model.graph.node, recipe, ranges
        self._unusable = set(unusable)
        self._weights = {tensor.name: tensor for tensor in model.graph.initializer}
        self._outputs = {value.name for value in model.graph.output}
        self._clipped = clipped_inputs(model)
        self._operators = set(recipe.op_types_to_quantize or QLinearOpsRegistry)
        self._readers: dict[str, int] = {}
        for node in model.graph.node:
            for name in node.input:
                self._readers[name] = self._readers.get(name, 0) + 1
        self._clipping: set[str] = set()
        """Tensors whose scale saturates at their own range, so that a Relu behind changes nothing."""

    def kept(self) -> list[str]:
        operators = self._recipe.quant_format == "QOperator"
        excluded = set(self._recipe.nodes_to_exclude)
        names = []
        for node in self._nodes:
            if self._must_stay(node) or (operators and self._has_no_operator(node)):
                names.append(node.name)
            elif node.name not in excluded and node.op_type in self._operators & {*_OWN_SCALE, *CLIPPING}:
                self._clipping.update(node.output)
        return names

    def _must_stay(self, node: onnx.NodeProto) -> bool:
        """Tell of both formats whether INT8 would change what a node computes."""
        if self._unusable & {*node.input, *node.output}:
            return True
        if node.op_type in CLIPPING and node.input[0] in self._outputs:
            return True  # the quantiser would give the output of the graph the range behind the clipping
        if node.op_type == "Clip":
            return not self._within_zero(node)
        if node.op_type == "Softmax":
            return self._ranges.get(node.output[0], (0.0, 1.0))[1] < _FAINT
        if node.op_type == "Gemm":
            return self._scales(node) and len(node.input) > 2
        return False

    def _within_zero(self, clip: onnx.NodeProto) -> bool:
        """Tell whether a range, which holds zero, can stand for a Clip: its bounds hold zero, too."""
        low, high = (self._bound(clip, position) for position in (1, 2))
        return low is not None and high is not None and low <= 0 <= high

    def _bound(self, clip: onnx.NodeProto, position: int) -> float | None:
        """Return a bound, zero where it is missing, since that is no bound; None where it is computed."""
        name = clip.input[position] if position < len(clip.input) else ""
        if not name:
            return 0.0
        tensor = self._weights.get(name)
        return float(numpy_helper.to_array(tensor).item()) if tensor is not None else None

    def _scales(self, gemm: onnx.NodeProto) -> bool:
        """Tell whether a Gemm has factors, which the quantiser leaves out of the scale of the bias."""
        return any(attribute.name in {"alpha", "beta"} and attribute.f != 1 for attribute in gemm.attribute)

    def _has_no_operator(self, node: onnx.NodeProto) -> bool:
        """Tell whether the QOperator format has nothing that computes the same as a node."""
        match node.op_type:
            case "Relu" | "Clip":
                return not (node.input[0] in self._clipped and node.input[0] in self._clipping)
            case "Pad":
                return not self._pads_with_zero(node)
            case "Resize":
                return self._interpolates_beyond(node)
            case "AveragePool" if any(attribute.name == "dilations" for attribute in node.attribute):
                return True
            case "Conv" | "Gemm" if len(node.input) > 2 and not self._has_bias_of_its_own(node):
                return True
            case "MatMul" if self._recipe.per_channel and self._weights_are_no_matrix(node):
                return True
        return node.op_type in _OWN_SCALE | {"Softmax"} and not self._has_ranges(node)

    def _has_ranges(self, node: onnx.NodeProto) -> bool:
        positions = range(len(node.input)) if node.op_type == "Concat" else _READ.get(node.op_type, (0,))
        read = [node.input[position] for position in positions]
        return all(name in self._ranges or name in self._weights for name in (*read, node.output[0]))

    def _has_bias_of_its_own(self, node: onnx.NodeProto) -> bool:
        """Tell whether the int32 bias can have the scale of this node: it is constant, and nobody else's."""
        return node.input[2] in self._weights and self._readers[node.input[2]] == 1

    def _weights_are_no_matrix(self, node: onnx.NodeProto) -> bool:
        """Tell whether the weights of a MatMul are a vector or a stack, which has no kernel per channel."""
        weights = self._weights.get(node.input[1])
        return weights is not None and len(weights.dims) != 2

    def _pads_with_zero(self, pad: onnx.NodeProto) -> bool:
        """Tell whether a Pad adds only values of the input or zero: other constants may be out of range."""
        if _text(pad, "mode", "constant") != "constant" or len(pad.input) < 3 or not pad.input[2]:
            return True
        value = self._weights.get(pad.input[2])  # the quantiser takes it away from other readers
        only = self._readers[pad.input[2]] == 1
        return value is not None and only and not np.any(numpy_helper.to_array(value))

    def _interpolates_beyond(self, resize: onnx.NodeProto) -> bool:
        """Tell whether a Resize makes values out of its input's range."""
        extrapolates = _text(resize, "coordinate_transformation_mode", "") == "tf_crop_and_resize"
        return extrapolates or _text(resize, "mode", "nearest") == "cubic"


def _text(node: onnx.NodeProto, name: str, default: str) -> str:
    return next((value.s.decode() for value in node.attribute if value.name == name), default)
