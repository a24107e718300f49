"""One graph without variables: what every form of a TensorFlow model is turned into."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.core.framework.node_def_pb2 import NodeDef


@dataclass(frozen=True)
class FrozenGraph:
    """A graph of constants and operators, from named inputs to named outputs."""

    graph: "GraphDef"
    inputs: Mapping[str, str]
    """Name of an input -> its tensor, as ``scope/x:0``."""
    outputs: Mapping[str, str]
    """Name of an output -> its tensor."""
    notes: Sequence[str] = ()
    """What was decided for the user, one line each."""


def node_name(tensor: str) -> str:
    """Return the node of a tensor, or of a control input."""
    return tensor.removeprefix("^").split(":")[0]


def tensor_name(name: str) -> str:
    """Return a name with its port: a bare node's name stands for its first output."""
    return name if ":" in name else f"{name}:0"


def shown_name(tensor: str) -> str:
    """Return how an input or output of a graph without a signature is called; the first port goes unsaid."""
    return tensor.removesuffix(":0")


def keep_types(node: "NodeDef", types: Mapping[str, int]) -> None:
    """Replace all attributes of a node by types."""
    node.attr.clear()
    for name, kind in types.items():
        node.attr[name].type = kind


def all_nodes(graph: "GraphDef") -> Iterator["NodeDef"]:
    """Yield the nodes of a graph and of its functions."""
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def
