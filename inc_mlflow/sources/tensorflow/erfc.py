"""Write the complementary error function, which ONNX has not, by the error function: erfc(x) = 1 + erf(-x).

Keras writes GELU with it, as x / 2 * erfc(-x * c): that becomes x / 2 * (1 + erf(x * c)), which engines know.
"""

from typing import TYPE_CHECKING

from inc_mlflow.sources.tensorflow.frozen_graph import node_name

if TYPE_CHECKING:
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.core.framework.node_def_pb2 import NodeDef


def write_by_erf(graph: "GraphDef") -> None:
    """Replace every Erfc of a graph, in place; its tensor keeps its name."""
    import tensorflow as tf

    nodes = {node.name: node for node in graph.node}
    for node in [one for one in graph.node if one.op == "Erfc"]:
        kind = node.attr["T"].type
        one = graph.node.add(name=f"{node.name}/one", op="Const")
        one.attr["dtype"].type = kind
        one.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(1, dtype=kind))
        error = _made(graph, node, "erf", "Erf", [_negative(graph, nodes, node)])
        node.op = "AddV2"
        node.input[:] = [one.name, error]


def _negative(graph: "GraphDef", nodes: "dict[str, NodeDef]", node: "NodeDef") -> str:
    """Return the negative of what a node reads; a negative factor loses its sign."""
    read = nodes[node_name(node.input[0])]
    for place, factor in enumerate(read.input if read.op == "Mul" else ()):
        producer = nodes[node_name(factor)]
        if producer.op == "Neg":
            factors = [producer.input[0], read.input[1 - place]]
            return _made(graph, node, "product", "Mul", factors)
    return _made(graph, node, "negative", "Neg", [node.input[0]])


def _made(graph: "GraphDef", of: "NodeDef", name: str, operator: str, inputs: list[str]) -> str:
    """Add a node of the same type, and return its name."""
    made = f"{of.name}/{name}"
    graph.node.add(name=made, op=operator, input=inputs).attr["T"].CopyFrom(of.attr["T"])
    return made
