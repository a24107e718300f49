"""Write a model in which some units compute in INT8, some with dynamic scales, and the rest in FP32.

A tensor has QuantizeLinear and DequantizeLinear only where its precision changes, and around the operators
that ONNX Runtime turns into integer kernels: it fuses each such group when it loads the model. A tensor that
a unit makes in INT8 keeps its name behind its DequantizeLinear, so what reads it in FP32 stays as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper

from inc_mlflow.engines.onnxruntime.calibration.ranges import Range
from inc_mlflow.engines.onnxruntime.graph.captured import captured_tensors
from inc_mlflow.engines.onnxruntime.graph.network import Network
from inc_mlflow.engines.onnxruntime.mixed.pieces import Pieces
from inc_mlflow.engines.onnxruntime.mixed.scales import Scale, Scales
from inc_mlflow.engines.onnxruntime.mixed.unit import Unit, UnitKind, Units
from inc_mlflow.engines.onnxruntime.mixed.units import channel_axis, hard_sigmoid, scalar
from inc_mlflow.engines.onnxruntime.mixed.weights import quantised, quantised_bias

_MICROSOFT = "com.microsoft"


@dataclass(frozen=True)
class Assignment:
    """Names of the units that are not FP32; those in ``narrow`` have weights of 7 bits."""

    int8: frozenset[str] = frozenset()
    dynamic: frozenset[str] = frozenset()
    narrow: frozenset[str] = frozenset()

    def bits(self, unit: Unit) -> int:
        """Return the bits of a unit's weights."""
        return 7 if unit.name in self.narrow else 8


def write_mixed(
    network: Network, units: Units, ranges: Mapping[str, Range], assignment: Assignment
) -> onnx.ModelProto:
    """Return the model; equal arguments give equal bytes.

    ``ranges`` has every tensor that a unit in INT8 reads or makes. The network's own model is not changed.
    """
    return _Writer(network, units, ranges, assignment).model()


class _Writer:
    def __init__(
        self, network: Network, units: Units, ranges: Mapping[str, Range], assignment: Assignment
    ) -> None:
        self._network, self._units, self._assignment = network, units, assignment
        self._int8 = {unit for unit in units.units if unit.name in assignment.int8}
        self._scales = Scales(network, units, ranges, self._int8)
        self._pieces = Pieces(network.model)
        self._integers: dict[str, str] = {}
        """Tensor -> its integers."""
        self._dequantized: dict[str, str] = {}
        """Tensor -> what a unit in INT8 reads."""

    def model(self) -> onnx.ModelProto:
        for unit in self._units.units:
            if unit in self._int8:
                self._write_int8(unit)
            elif unit.name in self._assignment.dynamic and unit.dynamic:
                self._write_dynamic(unit)
            else:
                for node in unit.nodes:
                    self._pieces.keep(node)
        return _assembled(self._network.model, self._pieces)

    def _write_int8(self, unit: Unit) -> None:
        match unit.kind:
            case UnitKind.LINEAR:
                self._write_linear(unit)
            case UnitKind.HARD_SWISH:
                self._write_hard_swish(unit)
            case UnitKind.SCALAR:
                self._write_scalar(unit)
            case _:
                self._write_kernel(unit)

    def _write_linear(self, unit: Unit) -> None:
        node, pieces = unit.first, self._pieces
        read, step = self._read(node.input[0]), self._scales.of(node.input[0]).step
        bias = self._bias(unit)
        weights = quantised(self._weights(unit), channel_axis(node), self._assignment.bits(unit), bias, step)
        stem = node.input[1]
        inputs = [read, self._constant(stem, weights.values, weights.steps, channel_axis(node))]
        if bias is not None and node.op_type != "MatMul":
            inputs.append(self._constant(node.input[2], *quantised_bias(bias, weights, step), axis=0))
        made = pieces.tensor(f"{unit.output}_computed")
        pieces.replace(node, inputs, made)
        if unit.bias_add is not None:
            constant = next(name for name in unit.bias_add.input if name != node.output[0])
            made, before = pieces.tensor(f"{unit.output}_biased"), made
            pieces.replace(unit.bias_add, [before, constant], made)
        self._finish(unit, made)

    def _write_kernel(self, unit: Unit) -> None:
        """Write an operator between its DequantizeLinear and QuantizeLinear nodes."""
        made = self._pieces.tensor(f"{unit.output}_computed")
        self._pieces.replace(
            unit.first, [self._read(name) if name in unit.inputs else name for name in unit.first.input], made
        )
        self._finish(unit, made)

    def _write_hard_swish(self, unit: Unit) -> None:
        """Write x clip(a x + b, 0, 1) as a x clip(x + b/a, 0, 1/a): the addition saturates at both ends."""
        pieces, (tensor,) = self._pieces, unit.inputs
        slope, offset = hard_sigmoid(unit.first)
        read, out = self._read(tensor), self._scales.of(unit.output)
        added, clipped = pieces.tensor(f"{unit.output}_added"), f"{unit.output}_clipped"
        pieces.put("Add", [read, self._number(unit.output, offset / slope)], added, unit.first)
        _, gate = self._pair(added, clipped, Scale.of(0.0, 1 / slope))
        made = pieces.tensor(f"{unit.output}_computed")
        if len(unit.nodes) > 1:
            pieces.put("Mul", [read, gate], made, unit.nodes[1])
        else:
            pieces.add("Mul", [read, gate], made, f"{unit.name}_product")
        # The product is not yet multiplied by the slope: its scale says so.
        inner = Scale(float(np.float32(out.step / slope)), out.zero)
        self._integers[unit.output], self._dequantized[unit.output] = self._pair(
            made, unit.output, inner, out, unit.output
        )

    def _write_scalar(self, unit: Unit) -> None:
        """Read the same integers in another scale, or add the number by a kernel where that is not exact."""
        (tensor,) = unit.inputs
        relabelled, pieces = self._scales.relabelled(unit), self._pieces
        read = self._read(tensor)
        if relabelled is None:
            found = scalar(self._network, unit.first)
            made = pieces.tensor(f"{unit.output}_computed")
            pieces.put("Add", [read, self._number(unit.output, found[2] if found else 0.0)], made, unit.first)
            self._finish(unit, made)
            return
        integers = self._integers[tensor]
        pieces.put(
            "DequantizeLinear", [integers, *self._scale(unit.output, relabelled)], unit.output, unit.first
        )
        self._integers[unit.output] = integers
        self._dequantized[unit.output] = unit.output

    def _write_dynamic(self, unit: Unit) -> None:
        """Write a product whose activations are scaled at run time; its bias is added in FP32."""
        node, pieces = unit.first, self._pieces
        axis = channel_axis(node)
        weights = quantised(self._weights(unit), axis, self._assignment.bits(unit))
        values = weights.values if axis else np.ascontiguousarray(weights.values.T)
        stem, bias = node.input[1], self._bias(unit)
        inputs = [
            node.input[0],
            pieces.constant(f"{stem}_quantized", values),
            pieces.constant(f"{stem}_scale", weights.steps),
            pieces.constant(f"{stem}_zero_point", np.zeros(len(weights.steps), np.int8)),
        ]
        if bias is not None:
            inputs.append(pieces.constant(f"{unit.output}_bias", bias))
        made = pieces.tensor(f"{unit.output}_computed") if unit.activation else unit.output
        pieces.put("DynamicQuantizeMatMul", inputs, made, node, _MICROSOFT)
        if unit.activation:
            pieces.replace(unit.activation, [made, *unit.activation.input[1:]], unit.output)

    def _finish(self, unit: Unit, made: str) -> None:
        """Quantise what a unit computed; a product that one node reads in FP32 gives it as it is."""
        if unit.activation is not None and not self._scales.clips(unit):
            before, made = made, self._pieces.tensor(f"{unit.output}_clipped")
            self._pieces.replace(unit.activation, [before, *unit.activation.input[1:]], made)
        if self._stays_float(unit):
            self._pieces.nodes[-1].output[0] = unit.output
            return
        scale = self._scales.of(unit.output)
        self._integers[unit.output], self._dequantized[unit.output] = self._pair(
            made, unit.output, scale, scale, unit.output
        )

    def _stays_float(self, unit: Unit) -> bool:
        """Tell whether a unit has an integer kernel that gives floats, and nothing in INT8 reads them.

        ONNX Runtime has none for a product that several nodes read, or with a Relu behind it.
        """
        name = unit.output
        once = len(self._network.readers(name)) + (name in self._units.outputs) == 1
        product = unit.kind is UnitKind.LINEAR and unit.dynamic and unit.activation is None
        return product and once and not any(reader in self._int8 for reader in self._units.readers(name))

    def _read(self, tensor: str) -> str:
        """Return what a unit in INT8 reads of a tensor; one that FP32 makes is quantised for all readers."""
        if tensor not in self._dequantized:
            self._integers[tensor], self._dequantized[tensor] = self._pair(
                tensor, tensor, self._scales.of(tensor)
            )
        return self._dequantized[tensor]

    def _pair(
        self, given: str, stem: str, scale: Scale, behind: Scale | None = None, made: str | None = None
    ) -> tuple[str, str]:
        """Write QuantizeLinear and DequantizeLinear; return the names of integers and of what they stand for.

        ``behind`` is the scale in which the integers are read, if it is another one.
        """
        pieces = self._pieces
        parameters = self._scale(stem, scale)
        integers, made = pieces.tensor(f"{stem}_integers"), made or pieces.tensor(f"{stem}_rounded")
        pieces.add("QuantizeLinear", [given, *parameters], integers, f"{stem}_QuantizeLinear")
        read = parameters if behind in (None, scale) else self._scale(f"{stem}_read", behind or scale)
        pieces.add("DequantizeLinear", [integers, *read], made, f"{stem}_DequantizeLinear")
        return integers, made

    def _scale(self, stem: str, scale: Scale) -> list[str]:
        step = self._pieces.constant(f"{stem}_scale", np.array(scale.step, np.float32))
        return [step, self._pieces.constant(f"{stem}_zero_point", np.array(scale.zero, np.uint8))]

    def _constant(self, stem: str, values: np.ndarray, steps: np.ndarray, axis: int) -> str:
        """Write integers that stand for constants, with a scale per channel; return what is read of them."""
        pieces, made = self._pieces, self._pieces.tensor(f"{stem}_rounded")
        inputs = [
            pieces.constant(f"{stem}_quantized", values),
            pieces.constant(f"{stem}_scale", steps),
            pieces.constant(f"{stem}_zero_point", np.zeros(len(steps), values.dtype)),
        ]
        pieces.add("DequantizeLinear", inputs, made, f"{stem}_DequantizeLinear", axis=axis)
        return made

    def _number(self, stem: str, value: float) -> str:
        """Write one number as an integer that stands for it exactly; return what is read of it."""
        pieces, made = self._pieces, self._pieces.tensor(f"{stem}_number_rounded")
        scale = Scale(float(np.float32(max(abs(value), 1e-12) / 255)), 0 if value >= 0 else 255)
        integer = pieces.constant(f"{stem}_number", np.array(0 if value < 0 else 255, np.uint8))
        pieces.add(
            "DequantizeLinear",
            [integer, *self._scale(f"{stem}_number", scale)],
            made,
            f"{made}_DequantizeLinear",
        )
        return made

    def _weights(self, unit: Unit) -> np.ndarray:
        weights = self._network.constant(unit.first, 1)
        if weights is None:
            raise TypeError(f"{unit.name}: a linear unit without constant weights")
        return weights

    def _bias(self, unit: Unit) -> np.ndarray | None:
        """Return the bias (outputs,), which an Add behind a MatMul holds."""
        add = unit.bias_add
        if add is None:
            return self._network.constant(unit.first, 2)
        return self._network.constant(add, 1 if add.input[0] == unit.first.output[0] else 0)


def _assembled(baseline: onnx.ModelProto, pieces: Pieces) -> onnx.ModelProto:
    """Put nodes and constants into a copy of the baseline, without what nothing reads any more."""
    model = onnx.ModelProto()
    model.CopyFrom(baseline)
    graph = model.graph
    del graph.node[:]
    graph.node.extend(pieces.nodes)
    read = {name for node in pieces.nodes for name in node.input} | captured_tensors(model)
    read |= {value.name for value in graph.output}
    constants = [tensor for tensor in (*graph.initializer, *pieces.constants) if tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(constants)
    made = {name for node in pieces.nodes for name in node.output} | {tensor.name for tensor in constants}
    values = [value for value in graph.value_info if value.name in made]
    del graph.value_info[:]
    graph.value_info.extend(values)
    used = {node.domain for node in pieces.nodes}
    if _MICROSOFT in used - {entry.domain for entry in model.opset_import}:
        model.opset_import.append(helper.make_opsetid(_MICROSOFT, 1))
    return model
