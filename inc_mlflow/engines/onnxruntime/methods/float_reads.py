"""Give float tensors of their own to readers that ONNX Runtime's quantiser forgets."""

from collections.abc import Iterable

import onnx
from onnx import helper

from inc_mlflow.engines.onnxruntime.graph.captured import captured_tensors, rename_captured
from inc_mlflow.engines.onnxruntime.graph.model_file import graph_inputs, subgraphs

_SUFFIX = "_float"


def separate_float_reads(model: onnx.ModelProto, operators: Iterable[str] = ()) -> None:
    """Put a node that changes nothing between an activation and readers that need it in float.

    These are the bodies of If, Loop and Scan, and nodes of the types ``operators``. The quantiser counts only
    readers in the main graph, and may leave to others an activation without its Relu, or in eight bits. The
    node between it counts, and gives it the float tensor.

    It is an Identity, which ONNX Runtime removes when it loads the model. Before a body it is the Sum of one
    tensor, which stays: where ONNX Runtime 1.32 moves a DequantizeLinear over a Reshape and the like towards
    a body, it aborts the process.
    """
    graph, chosen = model.graph, set(operators)
    fed = {value.name for value in graph_inputs(model)}
    activations = fed | {name for node in graph.node for name in node.output if name}
    captured = captured_tensors(model)
    needed = captured | {name for node in graph.node if node.op_type in chosen for name in node.input}
    names = {name: _unused(name, activations) for name in sorted(needed & activations)}
    for node in graph.node if names else ():
        for body in subgraphs(node):
            rename_captured(body, names)
        if node.op_type in chosen:
            node.input[:] = [names.get(name, name) for name in node.input]
    _insert(graph, names, fed, captured & _floats(graph))


def _floats(graph: onnx.GraphProto) -> set[str]:
    values = (*graph.value_info, *graph.input)
    return {one.name for one in values if one.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}


def _insert(graph: onnx.GraphProto, names: dict[str, str], fed: set[str], summed: set[str]) -> None:
    """Place each new node right behind the one that makes its tensor."""
    between = {
        name: helper.make_node("Sum" if name in summed else "Identity", [name], [new], name=new)
        for name, new in names.items()
    }
    nodes = [between[name] for name in names if name in fed]
    for node in graph.node:
        nodes += [node, *(between[name] for name in node.output if name in names)]
    if names:  # copies, since protobuf frees what it deletes
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del graph.node[:]
        graph.node.extend(nodes)


def _unused(name: str, taken: set[str]) -> str:
    name += _SUFFIX
    while name in taken:
        name += "_"
    return name
