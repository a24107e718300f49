"""Keep an input apart from the output that it is: the quantiser would put its nodes between both."""

from pathlib import Path

import onnx

from inc_mlflow.engines.onnxruntime.graph.renaming import identity, separate_inputs
from inc_mlflow.engines.onnxruntime.graph.rewrites.rewrite import Rewrite


def _separate(model: onnx.ModelProto, _folder: Path) -> onnx.ModelProto | None:
    outputs = {value.name for value in model.graph.output}
    passed = [value.name for value in model.graph.input if value.name in outputs]
    separate_inputs(model, passed, identity)
    return model if passed else None


PASS_THROUGH = Rewrite("inputs that are outputs", _separate)
