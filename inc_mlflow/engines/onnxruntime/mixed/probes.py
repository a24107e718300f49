"""How much the outputs change where one tensor alone is quantised."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.graph.model_file import read_structure, with_outputs
from inc_mlflow.engines.onnxruntime.graph.renaming import all_names, unused
from inc_mlflow.engines.onnxruntime.mixed.scales import Scale
from inc_mlflow.engines.onnxruntime.mixed.unit_graph import UnitGraph
from inc_mlflow.engines.onnxruntime.runtime.call_timeout import TimedSession
from inc_mlflow.engines.onnxruntime.runtime.intermediate_values import intermediate_values
from inc_mlflow.engines.onnxruntime.runtime.rows import row_axes
from inc_mlflow.engines.onnxruntime.runtime.session import open_file, open_proto, options

_SQUASHING = frozenset({"LogSoftmax", "Sigmoid", "Softmax"})
"""Operators behind which a large error of their input may not show: what they read is compared."""


@dataclass(frozen=True)
class Tensors:
    """Elements in a batch and mean square of each tensor, on the rows of the probes."""

    sizes: Mapping[str, int]
    squares: Mapping[str, float]

    @classmethod
    def of(cls, graph: UnitGraph, baseline: Path, rows: Sequence[Arrays]) -> "Tensors":
        """Run the baseline once per row; raise ModelError where it does not run."""
        names = graph.units.tensors()
        sizes, totals = dict[str, int](), dict.fromkeys(names, 0.0)
        model = read_structure(baseline)
        for _, values in intermediate_values(model, baseline.parent, rows, names, 1):
            for name, value in values.items():
                sizes[name] = value.size
                finite = value[np.isfinite(value)].astype(np.float64)
                totals[name] += float(np.mean(finite**2)) / len(rows) if finite.size else 0.0
        return cls(sizes, totals)


class Probes:
    """One session in which every tensor has a switch: quantised, or as it is.

    A session of its own for every tensor would take most of the time of a search.
    """

    def __init__(
        self, graph: UnitGraph, baseline: Path, tensors: Sequence[str], rows: Sequence[Arrays]
    ) -> None:
        model = onnx.load(baseline)
        compared = compared_tensors(model)
        switched = _add_switches(model, {name: Scale.of(*graph.ranges[name]) for name in tensors})
        self._switches = {name: switch for name, (switch, _) in switched.items()}
        outputs = [switched[name][1] if name in switched else name for name in compared]
        axes = row_axes(open_file(baseline, options(1)), inside=True)
        session = open_proto(with_outputs(model, outputs), baseline.parent, options(1))
        self._session, self._axes = TimedSession(session, baseline), axes
        self._outputs, self._rows = outputs, rows
        self._reference = list(self._run(None))

    def error(self, tensor: str) -> float:
        """Return the sum over outputs of the mean square error, relative to the outputs' own mean square."""
        return relative_squares(self._reference, list(self._run(tensor)))

    def _run(self, tensor: str | None) -> Iterator[list[np.ndarray]]:
        switches = {switch: np.array(name == tensor) for name, switch in self._switches.items()}
        for row in self._rows:
            yield self._session.run(self._outputs, self._axes.fed(row) | switches, "calibration rows")


def compared_tensors(model: onnx.ModelProto) -> list[str]:
    """Return the float tensors that are compared: outputs, or what a Softmax or Sigmoid at the end reads."""
    writers = {name: node for node in model.graph.node for name in node.output}
    names = []
    for value in model.graph.output:
        if value.type.tensor_type.elem_type != TensorProto.FLOAT:
            continue
        writer = writers.get(value.name)
        names.append(writer.input[0] if writer is not None and writer.op_type in _SQUASHING else value.name)
    return list(dict.fromkeys(names))


def relative_squares(true: Sequence[Sequence[np.ndarray]], found: Sequence[Sequence[np.ndarray]]) -> float:
    """Return the sum over outputs of squared differences relative to squares, of rows of outputs."""
    total = 0.0
    for outputs in zip(*(zip(*rows, strict=True) for rows in (true, found)), strict=True):
        signal = error = 0.0
        for a, b in zip(*outputs, strict=True):
            if a.shape != b.shape:
                return np.inf
            finite = np.isfinite(a)
            signal += float(np.square(a[finite], dtype=np.float64).sum())
            error += float(np.square(a[finite].astype(np.float64) - b[finite]).sum())
        total += error / max(signal, np.finfo(float).tiny)
    return total if np.isfinite(total) else np.inf


def _add_switches(model: onnx.ModelProto, scales: Mapping[str, Scale]) -> dict[str, tuple[str, str]]:
    """Put a switch behind each tensor; return by tensor the input that turns it on, and what is read now."""
    graph, taken = model.graph, all_names(model)
    switched = {name: (unused(f"{name}_switch", taken), unused(f"{name}_switched", taken)) for name in scales}
    nodes: list[onnx.NodeProto] = []
    given = {value.name for value in graph.input}

    def add(name: str) -> None:
        switch, made = switched[name]
        graph.input.append(helper.make_tensor_value_info(switch, TensorProto.BOOL, []))
        nodes.append(_switch(name, switch, made, scales[name]))

    for name in scales:
        if name in given:
            add(name)
    for node in graph.node:
        own = onnx.NodeProto()
        own.CopyFrom(node)
        own.input[:] = [switched[name][1] if name in switched else name for name in node.input]
        nodes.append(own)
        for name in node.output:
            if name in switched:
                add(name)
    del graph.node[:]
    graph.node.extend(nodes)
    return switched


def _switch(name: str, switch: str, made: str, scale: Scale) -> onnx.NodeProto:
    constants = [
        numpy_helper.from_array(np.array(scale.step, np.float32), f"{made}_scale"),
        numpy_helper.from_array(np.array(scale.zero, np.uint8), f"{made}_zero"),
    ]
    parameters = [constant.name for constant in constants]
    rounded = [
        helper.make_node("QuantizeLinear", [name, *parameters], [f"{made}_integers"]),
        helper.make_node("DequantizeLinear", [f"{made}_integers", *parameters], [f"{made}_on"]),
    ]
    same = helper.make_node("Identity", [name], [f"{made}_off"])
    branches = [
        helper.make_graph(
            nodes, f"{made}_{word}", [], [helper.make_empty_tensor_value_info(f"{made}_{word}")], own
        )
        for word, nodes, own in (("on", rounded, constants), ("off", [same], []))
    ]
    return helper.make_node("If", [switch], [made], then_branch=branches[0], else_branch=branches[1])
