"""The part of a graph that some tensors depend on: without gradients, optimizers, summaries, savers."""

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

from inc_mlflow.sources.tensorflow.frozen_graph import node_name

if TYPE_CHECKING:
    from tensorflow.core.framework.graph_pb2 import GraphDef
    from tensorflow.core.framework.node_def_pb2 import NodeDef

HINTS = ("_class", "_output_shapes")
"""Attributes that only help TensorFlow: the second contradicts its node in gradients of old graphs."""


def ancestors(graph: "GraphDef", tensors: Iterable[str], stop: Collection[str] = ()) -> set[str]:
    """Return the names of all nodes that tensors depend on, their own included; none lies behind ``stop``."""
    nodes = {node.name: node for node in graph.node}
    found: set[str] = set()
    waiting = [node_name(tensor) for tensor in tensors]
    while waiting:
        name = waiting.pop()
        if name in found or name not in nodes:
            continue
        found.add(name)
        if name not in stop:
            waiting += [node_name(tensor) for tensor in nodes[name].input]
    return found


def sub_graph(graph: "GraphDef", tensors: Iterable[str], stop: Collection[str] = ()) -> "GraphDef":
    """Return what tensors depend on, in the graph's order, without hints and devices, with its functions."""
    kept = ancestors(graph, tensors, stop)
    part = type(graph)(versions=graph.versions)
    part.node.extend(node for node in graph.node if node.name in kept)
    used = _used_functions(graph, part.node)
    part.library.function.extend(one for one in graph.library.function if one.signature.name in used)
    part.library.gradient.extend(one for one in graph.library.gradient if one.function_name in used)
    for node in part.node:
        node.device = ""
        for name in HINTS:
            if name in node.attr:
                del node.attr[name]
    return part


def _used_functions(graph: "GraphDef", nodes: Iterable["NodeDef"]) -> set[str]:
    functions = {one.signature.name: one for one in graph.library.function}
    used: set[str] = set()
    waiting = _called(nodes)
    while waiting:
        name = waiting.pop()
        if name in functions and name not in used:
            used.add(name)
            waiting |= _called(functions[name].node_def)
    return used


def _called(nodes: Iterable["NodeDef"]) -> set[str]:
    """Return the functions that nodes name: in attributes, or as their own operator."""
    found: set[str] = set()
    for node in nodes:
        found.add(node.op)
        for value in node.attr.values():
            found |= {value.func.name, *(one.name for one in value.list.func)}
    return found
