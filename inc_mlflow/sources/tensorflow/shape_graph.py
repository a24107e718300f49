"""A graph that TensorFlow may import: it runs operators without state there, to work out shapes."""

from typing import TYPE_CHECKING

from inc_mlflow.sources.tensorflow.frozen_graph import keep_types
from inc_mlflow.sources.tensorflow.harmless_operators import (
    first_output_type,
    is_stateless,
    refuse_operator,
    unsafe_operators,
)

if TYPE_CHECKING:
    from tensorflow.core.framework.graph_pb2 import GraphDef


def keep_harmless(where: str, graph: "GraphDef") -> None:
    """Make placeholders, in place, of what could run and is not known to be harmless; drop such functions.

    Operators with state stay: TensorFlow runs none of them for a shape, and queues and iterators know theirs.
    Raises ModelError where no placeholder can take a node's place.
    """
    names = {one.signature.name for one in graph.library.function}
    safe = [
        function
        for function in graph.library.function
        if not any(any(unsafe_operators(node, names)) for node in function.node_def)
    ]
    del graph.library.function[:]
    graph.library.function.extend(safe)
    kept = {one.signature.name for one in safe}
    for node in graph.node:
        operator = next(unsafe_operators(node, kept), None)
        if operator is None or not is_stateless(node.op):
            continue
        kind = first_output_type(node)
        if kind is None:
            refuse_operator(where, node, operator)
        node.op = "Placeholder"
        del node.input[:]
        keep_types(node, {"dtype": kind})
