"""Where a candidate's tensors depart from the baseline's: the first node that no longer computes the same."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import helper
from onnxruntime.quantization.quant_utils import TENSOR_NAME_QUANT_SUFFIX

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.graph.model_file import all_nodes, read_structure
from inc_mlflow.engines.onnxruntime.runtime.intermediate_values import intermediate_values
from inc_mlflow.engines.onnxruntime.runtime.session import BASIC

DEPARTED = 0.5
"""Error of a tensor, relative to its root mean square, that counts as a departure."""
_SELECTING = frozenset({"ArgMax", "ArgMin", "Compress", "NonMaxSuppression", "NonZero", "TopK", "Unique"})
"""Operators that choose by value: a near tie may fall the other way, and move whole rows."""
_RESTORED = "restored/"
_SCALES = {
    "QGemm": (7, 8),
    "QLinearConcat": (0, 1),
    "QLinearConv": (6, 7),
    "QLinearMatMul": (6, 7),
    "QLinearAdd": (6, 7),
    "QLinearMul": (6, 7),
    "QuantizeLinear": (1, 2),
}
"""Positions of the scale and zero point of the output; QLinear operators with one input have them at 3, 4."""


def selected_outputs(baseline: Path) -> frozenset[str]:
    """Return the outputs of the graph behind an operator that chooses or orders by value."""
    model = read_structure(baseline)
    chosen: set[str] = set()
    for node in model.graph.node:
        selects = node.op_type in _SELECTING or any(one.op_type in _SELECTING for one in _inner(node))
        if selects or chosen & set(node.input):
            chosen.update(node.output)
    return frozenset(value.name for value in model.graph.output if value.name in chosen)


def _inner(node: onnx.NodeProto) -> Iterator[onnx.NodeProto]:
    alone = onnx.ModelProto()
    alone.graph.node.append(node)
    yield from all_nodes(alone)


def first_departure(baseline: Path, candidate: Path, rows: Iterable[Arrays]) -> str | None:
    """Return the first node of the baseline whose output is far from the candidate's.

    Where none is far, it is the one with the largest error. None where both have no float tensor in common.
    Raises ModelError where a model does not run.
    """
    reference, made = read_structure(baseline), read_structure(candidate)
    found = _restored(made)
    floats = {
        value.name
        for value in (*reference.graph.value_info, *reference.graph.output)
        if value.type.tensor_type.elem_type == onnx.TensorProto.FLOAT
    }
    names = [name for node in reference.graph.node for name in node.output if name in floats & found.keys()]
    errors = _errors(reference, baseline, made, candidate, {name: found[name] for name in names}, rows)
    departed = (name for name in names if errors.get(name, 0.0) > DEPARTED)
    name = next(departed, max(errors, key=errors.__getitem__, default=None))
    return next((node.name for node in reference.graph.node if name in node.output), None)


def _restored(model: onnx.ModelProto) -> dict[str, str]:
    """Map the baseline's tensors to float ones of a candidate, which gets those that it has as integers."""
    found = {name: name for node in model.graph.node for name in node.output if name}
    scales: dict[str, tuple[str, str]] = {}
    for node in list(model.graph.node):
        scale = _output_scale(node) or next((scales[name] for name in node.input[:1] if name in scales), None)
        if scale is None or node.op_type == "DequantizeLinear":
            continue
        for name in node.output:
            scales[name] = scale
            plain = name.removesuffix(TENSOR_NAME_QUANT_SUFFIX)
            if plain != name and plain not in found:
                found[plain] = f"{_RESTORED}{plain}"
                model.graph.node.append(helper.make_node("DequantizeLinear", [name, *scale], [found[plain]]))
    return found


def _output_scale(node: onnx.NodeProto) -> tuple[str, str] | None:
    one_input = node.op_type.startswith("QLinear") and node.op_type not in _SCALES
    positions = (3, 4) if one_input else _SCALES.get(node.op_type)
    return (node.input[positions[0]], node.input[positions[1]]) if positions else None


def _errors(
    reference: onnx.ModelProto,
    baseline: Path,
    made: onnx.ModelProto,
    candidate: Path,
    names: dict[str, str],
    rows: Iterable[Arrays],
) -> dict[str, float]:
    """Return by name the root mean square of the error, relative to the tensor's own."""
    held = list(rows)
    true = intermediate_values(reference, baseline.parent, held, list(names), 1, BASIC)
    found = intermediate_values(made, candidate.parent, held, list(names.values()), 1, BASIC)
    signal, error = dict.fromkeys(names, 0.0), dict.fromkeys(names, 0.0)
    for (_, exact), (_, rounded) in zip(true, found, strict=True):
        for name, restored in names.items():
            a, b = exact[name].astype(np.float64), rounded[restored].astype(np.float64)
            alike = a.shape == b.shape
            a, b = (a, b) if alike else (np.zeros(1), np.full(1, np.inf))
            used = np.isfinite(a)
            signal[name] += float(np.square(a[used]).sum())
            error[name] += float(np.square(np.nan_to_num(a[used] - b[used], nan=np.inf)).sum())
    return {name: float(np.sqrt(error[name] / signal[name])) for name in names if signal[name]}
