"""Raise the operator set, and mend what onnx's version converter gets wrong."""

from pathlib import Path

import onnx
from onnx import version_converter

from inc_mlflow.engines.onnxruntime.graph.captured import captured_tensors, rename_captured
from inc_mlflow.engines.onnxruntime.graph.initializers import values
from inc_mlflow.engines.onnxruntime.graph.library import library_call
from inc_mlflow.engines.onnxruntime.graph.model_file import subgraphs
from inc_mlflow.engines.onnxruntime.graph.renaming import (
    all_graphs,
    all_names,
    defined_names,
    identity,
    unused,
)
from inc_mlflow.engines.onnxruntime.graph.rewrites.rewrite import Rewrite
from inc_mlflow.engines.onnxruntime.graph.skeleton import skeleton, with_weights

OPSET = 17
"""Lowest opset of a baseline: per-channel QDQ needs 13, LayerNormalization 17."""
_OWN = {"", "ai.onnx"}
"""Names of the set of ONNX's own operators."""
_HALF_PIXEL = 11
"""Since this opset a Resize says how it places pixels; before, it was always asymmetric."""


def opset_of(model: onnx.ModelProto) -> int:
    """Return the version of ONNX's own operators that a model uses."""
    return next((entry.version for entry in model.opset_import if entry.domain in _OWN), 1)


def _raise(model: onnx.ModelProto, folder: Path) -> onnx.ModelProto | None:
    if not any(entry.domain in _OWN for entry in model.opset_import):  # only operators of other domains
        model.opset_import.append(onnx.helper.make_opsetid("", OPSET))
        return model
    before = opset_of(model)
    if before >= OPSET:
        return None
    _separate_captured(model)
    with library_call(f"cannot be raised from opset {before} to {OPSET}, export it with opset {OPSET}"):
        raised = version_converter.convert_version(skeleton(model), OPSET)
    model = with_weights(raised, model)
    _end_shadowing(model.graph, set(), all_names(model))
    if before < _HALF_PIXEL:
        _place_pixels(model, folder)
    return model


def _separate_captured(model: onnx.ModelProto) -> None:
    """Put an Identity between a node and the bodies of If, Loop and Scan that read what it makes.

    Where the converter replaces such a node, it fails on readers in other graphs. Folding removes each
    Identity.
    """
    taken, captured = all_names(model), captured_tensors(model)
    nodes, names = list[onnx.NodeProto](), dict[str, str]()
    for node in model.graph.node:
        nodes.append(node)
        for name in node.output:
            if name in captured:
                names[name] = unused(f"{name}_outside", taken)
                nodes.append(identity(name, names[name]))
    if not names:
        return
    nodes = [onnx.NodeProto.FromString(node.SerializeToString()) for node in nodes]
    del model.graph.node[:]  # protobuf frees what it deletes
    model.graph.node.extend(nodes)
    for node in model.graph.node:
        for body in subgraphs(node):
            rename_captured(body, names)


def _end_shadowing(graph: onnx.GraphProto, outside: set[str], taken: set[str]) -> None:
    """Rename tensors of inner graphs that have the name of one outside.

    The converter numbers the constants it adds in each graph anew, and ONNX forbids such names.
    """
    own = set(defined_names(graph))
    if clashes := own & outside:
        names = {name: unused(name, taken) for name in sorted(clashes)}
        _rename_inside(graph, names)
        own = set(defined_names(graph))
    for node in graph.node:
        for inner in subgraphs(node):
            _end_shadowing(inner, outside | own, taken)


def _rename_inside(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    for inner in all_graphs(graph):
        for node in inner.node:
            node.input[:] = [names.get(name, name) for name in node.input]
            node.output[:] = [names.get(name, name) for name in node.output]
        for entry in (*inner.input, *inner.output, *inner.value_info, *inner.initializer):
            entry.name = names.get(entry.name, entry.name)


def _place_pixels(model: onnx.ModelProto, folder: Path) -> None:
    """Give each Resize the placement of opset 10; the converter leaves the default of opset 11."""
    constants = {tensor.name: tensor for graph in all_graphs(model.graph) for tensor in graph.initializer}
    for graph in all_graphs(model.graph):
        for node in graph.node:
            if node.op_type == "Constant" and node.attribute[0].HasField("t"):
                constants[node.output[0]] = node.attribute[0].t
        for node in graph.node:
            given = {attribute.name for attribute in node.attribute}
            if node.op_type == "Resize" and "coordinate_transformation_mode" not in given:
                shrinks = _shrinks(constants.get(node.input[2]) if len(node.input) > 2 else None, folder)
                node.attribute.append(
                    onnx.helper.make_attribute("coordinate_transformation_mode", "asymmetric")
                )
                node.attribute.append(
                    onnx.helper.make_attribute("nearest_mode", "ceil" if shrinks else "floor")
                )


def _shrinks(scales: onnx.TensorProto | None, folder: Path) -> bool:
    """Tell whether scales shrink an axis: ONNX Runtime then takes the next pixel, not the one before."""
    return scales is not None and bool((values(scales, folder) < 1).any())


RAISE_OPSET = Rewrite("opset", _raise)
