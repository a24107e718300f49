"""Rename tensors and nodes whose names the quantiser would give to those of its own."""

from pathlib import Path

import onnx

from inc_mlflow.engines.onnxruntime.graph.renaming import (
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


def _rename(model: onnx.ModelProto, _folder: Path) -> onnx.ModelProto | None:
    taken = all_names(model)
    clashing = {name: base for name in sorted(taken) if (base := _base(name, taken)) is not None}
    inputs = {value.name for value in model.graph.input}
    outputs = {value.name for value in model.graph.output} - inputs
    interface = inputs | outputs
    inner = {name for name in clashing if name not in interface}
    # An input or output keeps its name: there the tensor with the shorter name is moved away.
    bases = {clashing[name] for name in clashing.keys() & interface}
    changed = {name: unused(f"{_plain(name)}_inside", taken) for name in sorted(inner | bases - interface)}
    named = [node for node in model.graph.node if _base(node.name, taken) is not None]
    for node in named:
        node.name = ""  # each node without a name gets one
    rename(model, changed)
    separate_inputs(model, sorted(bases & inputs), identity)
    separate_outputs(model, sorted(bases & outputs), identity)
    return model if clashing or named else None


def _base(name: str, taken: set[str]) -> str | None:
    """Return another tensor from whose name the quantiser makes this one; None where there is none."""
    for suffix in _SUFFIXES:
        at = name.find(suffix, 1)
        while at > 0:
            if name[:at] in taken:
                return name[:at]
            at = name.find(suffix, at + 1)
    return None


def _plain(name: str) -> str:
    """Return a name without the quantiser's suffixes."""
    for suffix in _SUFFIXES:
        name = name.replace(suffix, suffix.replace("_", ""))
    return name


COLLISIONS = Rewrite("names", _rename)
