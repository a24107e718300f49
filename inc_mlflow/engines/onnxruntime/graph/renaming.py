"""Give tensors other names, in all graphs of a model."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import onnx

from inc_mlflow.engines.onnxruntime.graph.model_file import subgraphs


def all_graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """Yield a graph and all graphs inside its nodes, outer ones first."""
    yield graph
    for node in graph.node:
        for inner in subgraphs(node):
            yield from all_graphs(inner)


def defined_names(graph: onnx.GraphProto) -> Iterator[str]:
    """Yield the names of the tensors that a graph itself defines."""
    yield from (value.name for value in graph.input)
    yield from (tensor.name for tensor in graph.initializer)
    yield from (tensor.values.name for tensor in graph.sparse_initializer)
    yield from (name for node in graph.node for name in node.output if name)


def all_names(model: onnx.ModelProto) -> set[str]:
    """Return the names of all tensors of a model, those of subgraphs too."""
    return {name for graph in all_graphs(model.graph) for name in defined_names(graph)}


def unused(name: str, taken: set[str]) -> str:
    """Return a name like ``name`` that is not taken, and take it."""
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def rename(model: onnx.ModelProto, names: Mapping[str, str]) -> None:
    """Rename tensors in all graphs of a model; the model's own inputs and outputs keep their names."""
    for graph in all_graphs(model.graph):
        for node in graph.node:
            node.input[:] = [names.get(name, name) for name in node.input]
            node.output[:] = [names.get(name, name) for name in node.output]
        interface = () if graph is model.graph else (*graph.input, *graph.output)
        for entry in (*interface, *graph.value_info, *graph.initializer):
            entry.name = names.get(entry.name, entry.name)
        for sparse in graph.sparse_initializer:
            sparse.values.name = names.get(sparse.values.name, sparse.values.name)


Border = Callable[[str, str], onnx.NodeProto]
"""Makes the node that turns one tensor into another, given their names."""


def identity(given: str, made: str) -> onnx.NodeProto:
    """Return the node that passes a tensor on."""
    return onnx.helper.make_node("Identity", [given], [made])


def separate_inputs(model: onnx.ModelProto, inputs: Iterable[str], border: Border) -> None:
    """Put a node behind each of these inputs; the graph reads what that node makes."""
    inside = _inside(model, inputs)
    rename(model, inside)
    nodes = [border(name, other) for name, other in inside.items()]
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])


def separate_outputs(model: onnx.ModelProto, outputs: Iterable[str], border: Border) -> None:
    """Put a node before each of these outputs, none of which is an input; the graph makes another tensor."""
    inside = _inside(model, outputs)
    rename(model, inside)
    model.graph.node.extend(border(other, name) for name, other in inside.items())


def _inside(model: onnx.ModelProto, names: Iterable[str]) -> dict[str, str]:
    taken = all_names(model)
    return {name: unused(f"{name}_inside", taken) for name in names}
