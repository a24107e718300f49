"""Dynamic quantisation: activations are scaled at run time, so it needs no calibration."""

from pathlib import Path

import onnx
from onnxruntime.quantization import quantize_dynamic
from onnxruntime.quantization.registry import IntegerOpsRegistry

from inc_mlflow.engines.engine import MethodData
from inc_mlflow.engines.onnxruntime.graph.model_file import read_structure
from inc_mlflow.engines.onnxruntime.methods.quantizer import (
    check_baseline,
    check_changed,
    check_nodes,
    check_operators,
    common_options,
    quantizer,
)
from inc_mlflow.engines.onnxruntime.options import Dynamic

_QUANTIZABLE = frozenset(IntegerOpsRegistry) | {"Gemm"}
"""Operators that the quantiser handles, a Gemm as a MatMul and an Add."""
_FLOAT_IF_UNKNOWN = {"DefaultTensorType": onnx.TensorProto.FLOAT}
"""ONNX infers no type behind operators of other domains."""


class DynamicMethod:
    """``quantize_dynamic`` of ONNX Runtime."""

    def check(self, recipe: Dynamic) -> None:
        """Raise ModelError where the recipe names operators that have no dynamic kernel."""
        check_operators(recipe, IntegerOpsRegistry)

    def apply(self, baseline: Path, recipe: Dynamic, data: MethodData, target: Path) -> None:
        """Write the candidate.

        Raises ModelError where the recipe names operators or nodes that do not exist, or leaves everything
        FP32.
        """
        self.check(recipe)
        structure = read_structure(baseline)
        check_baseline(structure, recipe, _QUANTIZABLE)
        check_nodes(structure, recipe)
        options = common_options(baseline, recipe)
        options["nodes_to_exclude"] += _without_kernel(structure, recipe.per_channel)
        model = onnx.load(baseline)
        with quantizer(recipe):
            quantize_dynamic(model, target, extra_options=dict(_FLOAT_IF_UNKNOWN), **options)
        check_changed(target, recipe)


def _without_kernel(structure: onnx.ModelProto, per_channel: bool) -> list[str]:
    """Return the names of nodes for which ONNX Runtime has no kernel, though its quantiser writes them.

    These are convolutions with computed weights, the standard's own Attention, taken for ONNX Runtime's of
    that name, and with scales per channel each MatMul by a vector or a stack of matrices.
    """
    axes = {tensor.name: len(tensor.dims) for tensor in structure.graph.initializer}
    convolutions = [n.name for n in structure.graph.node if n.op_type == "Conv" and n.input[1] not in axes]
    products = [n for n in structure.graph.node if n.op_type == "MatMul" and per_channel]
    attention = [n.name for n in structure.graph.node if n.op_type == "Attention" and not n.domain]
    return convolutions + attention + [node.name for node in products if axes.get(node.input[1], 2) != 2]


METHOD = DynamicMethod()
