"""Tensors of the main graph that bodies of If, Loop and Scan read by name."""

import onnx

from inc_mlflow.engines.onnxruntime.graph.model_file import subgraphs


def captured_tensors(model: onnx.ModelProto) -> set[str]:
    """Return the tensors of the main graph that subgraphs read, weights included."""
    return {name for node in model.graph.node for body in subgraphs(node) for name in _free(body)}


def rename_captured(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    """Make a subgraph, and those within it, read outer tensors under other names."""
    own = _defined(graph)
    outer = {old: new for old, new in names.items() if old not in own}
    for node in graph.node:
        for position, name in enumerate(node.input):
            node.input[position] = outer.get(name, name)
        for body in subgraphs(node):
            rename_captured(body, outer)
    for value in graph.output:
        value.name = outer.get(value.name, value.name)


def _free(graph: onnx.GraphProto) -> set[str]:
    """Return the names that a subgraph reads and does not define."""
    read = {name for node in graph.node for name in node.input if name}
    read |= {value.name for value in graph.output}
    for node in graph.node:
        for body in subgraphs(node):
            read |= _free(body)
    return read - _defined(graph)


def _defined(graph: onnx.GraphProto) -> set[str]:
    names = {value.name for value in graph.input} | {tensor.name for tensor in graph.initializer}
    return names | {name for node in graph.node for name in node.output}
