"""Convert a frozen graph to ONNX by tf2onnx, and say which of its tensors are tensors of the file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inc_mlflow.errors import ModelError
from inc_mlflow.sources.source import framework_call
from inc_mlflow.sources.tensorflow.erfc import write_by_erf
from inc_mlflow.sources.tensorflow.frozen_graph import FrozenGraph, node_name
from inc_mlflow.sources.tensorflow.placeholders import some

if TYPE_CHECKING:
    from tensorflow.core.framework.graph_pb2 import GraphDef

OPSET = 17
"""What tf2onnx writes; the import into an engine's form brings it up to date."""
UNKNOWN = "unk__"
"""What tf2onnx calls sizes that are not known, each by a number of its own."""
CHANNELS_FIRST = (0, 3, 1, 2)


@dataclass(frozen=True)
class OnnxGraph:
    """What a frozen graph became."""

    model: Any
    """The ModelProto."""
    optimized: "GraphDef"
    """The graph as it was converted: without function calls, constants folded."""
    layers: Mapping[str, bool]
    """Tensors of both, in the file's order -> whether the file has NCHW where the graph has NHWC."""


def to_onnx(where: str, frozen: FrozenGraph) -> OnnxGraph:
    """Convert a graph; its inputs and outputs keep their names.

    Raises ModelError with what ONNX cannot express.
    """
    import tensorflow as tf
    from tf2onnx import tf_loader

    inputs, outputs = list(frozen.inputs.values()), list(frozen.outputs.values())
    with framework_call(f"{where}: it cannot be converted to ONNX"):
        with tf.Graph().as_default():
            optimized = tf_loader.tf_optimize(inputs, outputs, frozen.graph)
        write_by_erf(optimized)
        with tf.Graph().as_default() as graph:
            tf.import_graph_def(optimized, name="")
            converted = converted_graph(graph, frozen.inputs, frozen.outputs)
        model = written_model(converted)
    refuse_unknown(where, model.graph)
    return OnnxGraph(model, optimized, dict(_layers(model, converted, graph)))


def converted_graph(
    graph: Any, inputs: Mapping[str, str], outputs: Mapping[str, str], tflite_path: str | None = None
) -> Any:
    """Return tf2onnx's graph of a TensorFlow graph, or of a TFLite file; raises whatever tf2onnx raises."""
    from tf2onnx import optimizer, tfonnx

    converted = tfonnx.process_tf_graph(
        graph,
        opset=OPSET,
        input_names=list(inputs.values()),
        output_names=list(outputs.values()),
        tensors_to_rename={tensor: name for name, tensor in (*inputs.items(), *outputs.items())},
        tflite_path=tflite_path,
    )
    return optimizer.optimize_graph(converted)


def written_model(converted: Any) -> Any:
    """Return the ModelProto of tf2onnx's graph.

    Sizes that are not known have no name: tf2onnx's own are numbers, each another one.
    """
    model = converted.make_model("model")
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param.startswith(UNKNOWN):
                size.ClearField("dim_param")
    return model


def refuse_unknown(where: str, graph: Any) -> None:
    """Raise ModelError where tf2onnx left operators as they were, which it does without a word."""
    from tf2onnx import schemas

    unknown = {
        node.op_type: node.name
        for node in _nodes(graph)
        if not node.domain and schemas.get_schema(node.op_type, OPSET, "") is None
    }
    if unknown:
        found = some([f"{operator} (node {name!r})" for operator, name in unknown.items()])
        raise ModelError(f"{where}: ONNX has no form of the operator {found}; export the model without it")


def _nodes(graph: Any) -> Iterator[Any]:
    """Yield the nodes of a graph and of the bodies of its loops."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _nodes(attribute.g)


def _layers(model: Any, converted: Any, graph: Any) -> Iterator[tuple[str, bool]]:
    operations = {operation.name: operation for operation in graph.get_operations()}
    for name in (name for node in model.graph.node for name in node.output):
        operation = operations.get(node_name(name))
        if operation is None or ":" not in name or not graph.is_fetchable(operation):
            continue
        there = operation.outputs[int(name.rpartition(":")[2])].shape
        ours = converted.get_shape(name)
        if there.rank is None or ours is None:
            continue
        first = _channels_first(there.as_list(), ours)
        if first is not None:
            yield name, first


def _channels_first(there: Sequence[int | None], ours: Sequence[int]) -> bool | None:
    """Tell from its shapes whether a tensor was transposed; None where they do not say."""
    if len(there) != 4:
        return False
    kept = _may_be(there, ours)
    moved = _may_be([there[axis] for axis in CHANNELS_FIRST], ours)
    return None if kept == moved else moved


def _may_be(there: Sequence[int | None], ours: Sequence[int]) -> bool:
    return len(there) == len(ours) and all(
        a is None or b < 0 or a == b for a, b in zip(there, ours, strict=True)
    )
