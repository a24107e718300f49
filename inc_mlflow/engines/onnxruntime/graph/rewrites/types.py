"""Write the types and shapes of all tensors into the graph: quantisers only touch what they know is float."""

from pathlib import Path

import onnx
import onnxruntime

from inc_mlflow.engines.onnxruntime.graph.library import library_call
from inc_mlflow.engines.onnxruntime.graph.model_file import with_outputs
from inc_mlflow.engines.onnxruntime.graph.rewrites.rewrite import Rewrite
from inc_mlflow.engines.onnxruntime.graph.skeleton import skeleton
from inc_mlflow.engines.onnxruntime.runtime.session import open_proto, options
from inc_mlflow.errors import ModelError

_PLAIN = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL


def _infer(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto | None:
    bare = skeleton(model)
    try:
        with library_call("shapes cannot be inferred"):
            found = list(onnx.shape_inference.infer_shapes(bare).graph.value_info)
    except ModelError:  # ONNX Runtime infers them all the same
        found = []
    given = {value.name for value in model.graph.value_info}
    made = {name for node in model.graph.node for name in node.output}
    del model.graph.value_info[:]
    # A type left from a tensor that folding removed would be that of the quantiser's tensor of this name.
    model.graph.value_info.extend(value for value in found if value.name in made)
    if untyped := _untyped(model):
        model.graph.value_info.extend(_known_to_onnxruntime(bare, untyped, folder))
    return model if {value.name for value in model.graph.value_info} != given else None


def _untyped(model: onnx.ModelProto) -> list[str]:
    """Return the tensors behind operators of which onnx knows nothing."""
    graph = model.graph
    typed = {v.name for v in (*graph.value_info, *graph.output, *graph.input) if v.type.WhichOneof("value")}
    return [name for node in graph.node for name in node.output if name and name not in typed]


def _known_to_onnxruntime(
    model: onnx.ModelProto, names: list[str], folder: Path
) -> list[onnx.ValueInfoProto]:
    """Ask ONNX Runtime, which knows all operators that it runs."""
    try:
        session = open_proto(with_outputs(model, names), folder, options(1, _PLAIN))
    except ModelError:
        return []
    found = {value.name: value for value in session.get_outputs()}
    return [_value_info(found[name]) for name in names if found[name].type.startswith("tensor(")]


def _value_info(value: onnxruntime.NodeArg) -> onnx.ValueInfoProto:
    """Return what a session says of a tensor; it shows an unknown rank as no axes."""
    kind = value.type.removeprefix("tensor(").removesuffix(")")
    number = onnx.TensorProto.DataType.Value(kind.upper())
    return onnx.helper.make_tensor_value_info(value.name, number, value.shape or None)


TYPES = Rewrite("types", _infer)
