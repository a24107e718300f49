"""Dynamic quantisation: activations are scaled at run time, so it needs no calibration."""

from pathlib import Path

import onnx
from onnxruntime.quantization import quantize_dynamic
from onnxruntime.quantization.registry import IntegerOpsRegistry

from inc_mlflow.engines.engine import MethodData
from inc_mlflow.engines.onnxruntime.graph.model_file import read_structure
from inc_mlflow.engines.onnxruntime.methods.quantizer import (
    check_changed,
    check_nodes,
    check_operators,
    common_options,
    quiet,
)
from inc_mlflow.engines.onnxruntime.options import Dynamic


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
        check_nodes(read_structure(baseline), recipe)
        with quiet():
            quantize_dynamic(onnx.load(baseline), target, **common_options(baseline, recipe))
        check_changed(target, recipe)


METHOD = DynamicMethod()
