"""Inline the model's local functions, which the version converter and the quantiser do not see into."""

from pathlib import Path

import onnx
from onnx import inliner

from inc_mlflow.engines.onnxruntime.graph.library import library_call
from inc_mlflow.engines.onnxruntime.graph.rewrites.rewrite import Rewrite
from inc_mlflow.engines.onnxruntime.graph.skeleton import skeleton, with_weights


def _inline(model: onnx.ModelProto, _folder: Path) -> onnx.ModelProto | None:
    if not model.functions:
        return None
    with library_call("its functions cannot be inlined, export it without functions"):
        inlined = inliner.inline_local_functions(skeleton(model), convert_version=True)
    return with_weights(inlined, model)


FUNCTIONS = Rewrite("functions", _inline)
