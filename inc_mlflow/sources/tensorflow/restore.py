"""Turn a graph with variables, and the file that holds their values, into a frozen graph."""

from typing import TYPE_CHECKING

from inc_mlflow.errors import ModelError
from inc_mlflow.sources.source import framework_call
from inc_mlflow.sources.tensorflow.frozen_graph import node_name
from inc_mlflow.sources.tensorflow.harmless_operators import RESTORING, refuse_unsafe
from inc_mlflow.sources.tensorflow.model_part import model_part
from inc_mlflow.sources.tensorflow.placeholders import Ends
from inc_mlflow.sources.tensorflow.sub_graph import sub_graph

if TYPE_CHECKING:
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef


def restored_graph(
    where: str, meta_graph: "MetaGraphDef", values: str, ends: Ends
) -> tuple["GraphDef", list[str]]:
    """Return the frozen graph between the ends, and what was decided.

    The graph's own saver reads the variables: it knows how they are called in the file. Raises ModelError
    where it has none, or TensorFlow cannot restore them.
    """
    import tensorflow as tf

    saver = meta_graph.saver_def
    whole = meta_graph.graph_def
    if not any(node.name == node_name(saver.restore_op_name) for node in whole.node):
        raise ModelError(
            f"{where}: its graph has no saver, so its variables cannot be read; give a frozen graph"
        )
    part, notes = model_part(where, whole, ends)
    restoring = sub_graph(whole, [saver.restore_op_name, saver.filename_tensor_name])
    refuse_unsafe(where, restoring, besides=RESTORING)
    _add_saver(part, restoring)
    _add_reads(part)
    outputs = list(dict.fromkeys(node_name(tensor) for tensor in ends.outputs))
    with (
        framework_call(f"{where}: TensorFlow cannot restore it"),
        tf.Graph().as_default(),
        tf.compat.v1.Session() as session,
    ):
        tf.import_graph_def(part, name="")
        restore = session.graph.get_operation_by_name(node_name(saver.restore_op_name))
        session.run(restore, {saver.filename_tensor_name: values})
        frozen = tf.compat.v1.graph_util.convert_variables_to_constants(
            session, session.graph.as_graph_def(), outputs
        )
    return sub_graph(frozen, ends.outputs), notes


def _add_saver(part: "GraphDef", saver: "GraphDef") -> None:
    """Add the nodes and functions of the saver that are not there."""
    there = {node.name for node in part.node}
    part.node.extend(node for node in saver.node if node.name not in there)
    functions = {one.signature.name for one in part.library.function}
    part.library.function.extend(one for one in saver.library.function if one.signature.name not in functions)


def _add_reads(part: "GraphDef") -> None:
    """Add the nodes by which TensorFlow's freezing reads resource variables."""
    there = {node.name for node in part.node}
    for variable in [node for node in part.node if node.op == "VarHandleOp"]:
        name = f"{variable.name}/Read/ReadVariableOp"
        if name not in there:
            read = part.node.add(name=name, op="ReadVariableOp", input=[variable.name])
            read.attr["dtype"].CopyFrom(variable.attr["dtype"])
