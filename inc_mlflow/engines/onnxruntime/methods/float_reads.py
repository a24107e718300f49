"""Give float tensors of their own to readers that ONNX Runtime's quantiser forgets."""

from collections.abc import Iterable

import onnx
from onnx import helper

from inc_mlflow.engines.onnxruntime.calibration.clipped import CLIPPING
from inc_mlflow.engines.onnxruntime.graph.captured import captured_tensors, rename_captured, subgraphs
from inc_mlflow.engines.onnxruntime.graph.model_file import graph_inputs

_SUFFIX = "_float"


def separate_float_reads(model: onnx.ModelProto, operators: Iterable[str] = ()) -> None:
    """Put an Identity between an activation and readers that need it in float.

    These are the bodies of If, Loop and Scan, nodes of the types ``operators``, and each Relu or Clip of a
    tensor that is an output as well. The quantiser counts only readers in the main graph, and may leave to
    others an activation without its Relu, with the range behind its Relu, or in eight bits. An Identity it
    counts, and gives it the float tensor. ONNX Runtime removes the Identity when it loads the model.
    """
    graph = model.graph
    chosen = [node for node in graph.node if _reads_float(node, graph, set(operators))]
    fed = {value.name for value in graph_inputs(model)}
    activations = fed | {name for node in graph.node for name in node.output if name}
    needed = captured_tensors(model)
    needed |= {name for node in chosen for name in node.input}
    names = {name: _unused(name, activations) for name in sorted(needed & activations)}
    for node in graph.node if names else ():
        for body in subgraphs(node):
            rename_captured(body, names)
    for node in chosen:
        node.input[:] = [names.get(name, name) for name in node.input]
    _insert(graph, names, fed)


def _reads_float(node: onnx.NodeProto, graph: onnx.GraphProto, operators: set[str]) -> bool:
    clips_output = node.op_type in CLIPPING and any(value.name == node.input[0] for value in graph.output)
    return clips_output or node.op_type in operators


def _insert(graph: onnx.GraphProto, names: dict[str, str], fed: set[str]) -> None:
    """Place each Identity right behind the node that makes its tensor."""
    nodes = [_identity(name, names) for name in names if name in fed]
    for node in graph.node:
        nodes += [node, *(_identity(name, names) for name in node.output if name in names)]
    if names:  # copies, since protobuf frees what it deletes
        nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
        del graph.node[:]
        graph.node.extend(nodes)


def _identity(name: str, names: dict[str, str]) -> onnx.NodeProto:
    return helper.make_node("Identity", [name], [names[name]], name=names[name])


def _unused(name: str, taken: set[str]) -> str:
    name += _SUFFIX
    while name in taken:
        name += "_"
    return name
