"""Rename tensors and nodes whose names the quantiser would give to those of its own."""

from pathlib import Path

import onnx

from inc_mlflow.engines.onnxruntime.graph.renaming import (
    all_graphs,
    all_names,
    identity,
    rename,
    separate_inputs,
    separate_outputs,
    unused,
)
from inc_mlflow.engines.onnxruntime.graph.rewrites.rewrite import Rewrite

_SUFFIXES = (
    *("_quantized", "_scale", "_zero_point", "_QuantizeLinear", "_DequantizeLinear", "_output_quantized"),
    *("_ReduceMin", "_ReduceMax", "_Abs_Max", "_MatMul", "_Transposed", "_bias_reshape", "_bias_add"),
)
"""What ONNX Runtime's quantiser appends to the name of a tensor; more text may follow."""
_OF_NODES = ("_quant", "_MatMul", "_Add", "_Transpose")
"""What it appends to the name of a node."""


def _rename(model: onnx.ModelProto, _folder: Path) -> onnx.ModelProto | None:
    nodes, tensors = _rename_nodes(model), _rename_tensors(model)
    return model if nodes or tensors else None


def _rename_nodes(model: onnx.ModelProto) -> bool:
    """Return whether any node got another name."""
    tensors = all_names(model)
    nodes = [node for graph in all_graphs(model.graph) for node in graph.node if node.name]
    taken = {node.name for node in nodes}
    clashing = [
        node for node in nodes if _base(node.name, tensors, _SUFFIXES) or _base(node.name, taken, _OF_NODES)
    ]
    for node in clashing:
        node.name = unused(_plain(node.name, (*_SUFFIXES, *_OF_NODES)), taken)
    return bool(clashing)


def _rename_tensors(model: onnx.ModelProto) -> bool:
    """Return whether any tensor got another name."""
    taken = all_names(model)
    clashing = {name: base for name in sorted(taken) if (base := _base(name, taken, _SUFFIXES)) is not None}
    inputs = {value.name for value in model.graph.input}
    outputs = {value.name for value in model.graph.output} - inputs
    interface = inputs | outputs
    inner = {name for name in clashing if name not in interface}
    # An input or output keeps its name: there the tensor with the shorter name is moved away.
    bases = {clashing[name] for name in clashing.keys() & interface}
    changed = {
        name: unused(f"{_plain(name, _SUFFIXES)}_inside", taken) for name in sorted(inner | bases - interface)
    }
    rename(model, changed)
    separate_inputs(model, sorted(bases & inputs), identity)
    separate_outputs(model, sorted(bases & outputs), identity)
    return bool(clashing)


def _base(name: str, taken: set[str], suffixes: tuple[str, ...]) -> str | None:
    """Return one of the taken names from which the quantiser makes this one; None where there is none."""
    for suffix in suffixes:
        at = name.find(suffix, 1)
        while at > 0:
            if name[:at] in taken:
                return name[:at]
            at = name.find(suffix, at + 1)
    return None


def _plain(name: str, suffixes: tuple[str, ...]) -> str:
    """Return a name without the quantiser's suffixes."""
    for suffix in suffixes:
        name = name.replace(suffix, suffix.replace("_", ""))
    return name


COLLISIONS = Rewrite("names", _rename)
