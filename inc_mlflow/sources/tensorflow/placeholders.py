"""Which placeholders of a graph are its inputs, and what the others are fixed at."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inc_mlflow.errors import ModelError
from inc_mlflow.sources.source import framework_call
from inc_mlflow.sources.tensorflow.frozen_graph import keep_types, node_name, shown_name, tensor_name
from inc_mlflow.sources.tensorflow.shape_graph import keep_harmless
from inc_mlflow.sources.tensorflow.sub_graph import ancestors, sub_graph

if TYPE_CHECKING:
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.core.framework.node_def_pb2 import NodeDef

PLACEHOLDERS = frozenset({"Placeholder", "PlaceholderV2"})
WITH_DEFAULT = "PlaceholderWithDefault"
NO_ANSWERS = frozenset({"Assert", "Assign", "Const", "NoOp"})
"""Operators at the end of a graph that are not what a model gives."""
SHOWN = 8
"""Names that a message lists at most."""


@dataclass(frozen=True)
class Ends:
    """Where a model begins and ends inside its graph: tensors, as ``scope/x:0``."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


def found_outputs(graph: "GraphDef") -> tuple[str, ...]:
    """Return the tensors that nothing reads and that depend on an input, in the graph's order.

    Gradients are not among them.
    """
    read = {node_name(tensor) for node in graph.node for tensor in node.input}
    ends = [node for node in graph.node if node.name not in read and node.op not in NO_ANSWERS]
    answers = [node.name for node in ends if "gradients" not in node.name.split("/")]
    return tuple(f"{name}:0" for name in answers if _needed_inputs(graph, [name]))


def find_ends(where: str, graph: "GraphDef", inputs: Sequence[str], outputs: Sequence[str]) -> Ends:
    """Return the named inputs and outputs, or those that the graph shows.

    Raises ModelError where a name is not in the graph, or none can be found.
    """
    names = {node.name for node in graph.node}
    for name in (*inputs, *outputs):
        if node_name(name) not in names:
            raise ModelError(f"{where}: the graph has no node {node_name(name)!r}; {_there_are(graph)}")
    ends = tuple(map(tensor_name, outputs)) or found_outputs(graph)
    if not ends:
        raise ModelError(f"{where}: no output depends on a placeholder; name its `inputs` and `outputs`")
    given = tuple(map(tensor_name, inputs))
    if not given:
        given = tuple(f"{name}:0" for name in _needed_inputs(graph, ends))
    if not given:
        raise ModelError(f"{where}: its outputs depend on no placeholder; name its `inputs`")
    return Ends(given, ends)


def fixed_placeholders(where: str, graph: "GraphDef", ends: Ends) -> tuple["GraphDef", list[str]]:
    """Return the graph between the ends, where only inputs are placeholders, and what was decided.

    A placeholder with a default becomes that, a switch for training becomes False, and a probability to keep
    becomes 1: models ask for them at inference. An input inside the graph becomes a placeholder. Raises
    ModelError where another placeholder is needed.
    """
    inputs = [node_name(tensor) for tensor in ends.inputs]
    part = sub_graph(graph, ends.outputs, stop=inputs)
    _cut(where, graph, part, ends.inputs)
    notes = []
    for node in part.node:
        if node.name in inputs:
            continue
        if node.op == WITH_DEFAULT:
            node.op = "Identity"
            keep_types(node, {"T": node.attr["dtype"].type})
        elif node.op in PLACEHOLDERS:
            value = _fixed_at(node)
            if value is None:
                raise ModelError(
                    f"{where}: its outputs depend on the placeholder {node.name!r} too; name it in `inputs`"
                )
            _fix(node, value)
            notes.append(f"{node.name} is fixed at {value}, as for inference; name it in `inputs` to feed it")
    return part, notes


def _needed_inputs(graph: "GraphDef", tensors: Sequence[str]) -> list[str]:
    """Return the placeholders that tensors depend on and that inference does not fix."""
    reached = ancestors(graph, tensors)
    placeholders = [node for node in graph.node if node.name in reached and node.op in PLACEHOLDERS]
    return [node.name for node in placeholders if _fixed_at(node) is None]


def _fixed_at(node: "NodeDef") -> bool | float | None:
    """Return what inference fixes a placeholder at; None for one that is an input."""
    import tensorflow as tf

    shape, kind = node.attr["shape"].shape, tf.dtypes.as_dtype(node.attr["dtype"].type)
    if not shape.unknown_rank and len(shape.dim):
        return None
    if kind == tf.bool:
        return False
    return 1.0 if kind.is_floating and "keep_prob" in node.name.lower() else None


def _fix(node: "NodeDef", value: bool | float) -> None:
    import tensorflow as tf

    kind = node.attr["dtype"].type
    node.op = "Const"
    keep_types(node, {"dtype": kind})
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, dtype=kind))


def _cut(where: str, graph: "GraphDef", part: "GraphDef", inputs: Sequence[str]) -> None:
    """Make placeholders of inputs that are none, of the same type and shape."""
    inside = {
        node.name: node for node in part.node if f"{node.name}:0" in inputs and node.op not in PLACEHOLDERS
    }
    for tensor in inputs:
        if not tensor.endswith(":0"):
            raise ModelError(
                f"{where}: the input {tensor!r} is not the first output of its node; name another"
            )
    if not inside:
        return
    import tensorflow as tf

    before = sub_graph(graph, inside)
    keep_harmless(where, before)
    with tf.Graph().as_default() as whole, framework_call(f"{where}: TensorFlow does not take its graph"):
        tf.import_graph_def(before, name="")
    for name, node in inside.items():
        tensor = whole.get_tensor_by_name(f"{name}:0")
        node.op = "Placeholder"
        del node.input[:]
        keep_types(node, {"dtype": tensor.dtype.as_datatype_enum})
        node.attr["shape"].shape.CopyFrom(tensor.shape.as_proto())


def _there_are(graph: "GraphDef") -> str:
    inputs = [node.name for node in graph.node if node.op in {*PLACEHOLDERS, WITH_DEFAULT}]
    ends = [shown_name(tensor) for tensor in found_outputs(graph)]
    return f"it has the placeholders {some(inputs)} and the ends {some(ends)}"


def some(names: Sequence[str]) -> str:
    """Return names as text, only the first where there are many."""
    return (
        ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "") or "none"
    )
