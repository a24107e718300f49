"""What a profile says about units and borders: seconds per unit, and per conversion of a tensor."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import onnx

from inc_mlflow.engines.onnxruntime.analysis.attribution import CONVERSIONS, OptimisedGraph
from inc_mlflow.engines.onnxruntime.analysis.profile import Profile
from inc_mlflow.engines.onnxruntime.mixed.unit import Units
from inc_mlflow.engines.onnxruntime.mixed.unit_graph import UnitGraph
from inc_mlflow.engines.onnxruntime.mixed.writer import Assignment

_CONVERSION = re.compile(
    r"^(?P<tensor>.*)_(?:Quantize|Dequantize)Linear_*(?:_token_\d+|/duplicated)*$", re.DOTALL
)
_REACH = 8
"""Conversions in a row behind which the tensor is still found."""


@dataclass(frozen=True)
class Observation:
    """Seconds per batch of one model: its units, and its conversions by tensor."""

    units: Mapping[str, float]
    quantize: Mapping[str, float]
    """By tensor that FP32 makes and INT8 reads."""
    dequantize: Mapping[str, float]
    """By tensor that INT8 makes and FP32 reads."""
    seconds: float


def observed(graph: UnitGraph, assignment: Assignment, profile: Profile) -> Observation:
    """Return what a profiled model with this assignment shows; no kernel is counted twice."""
    reader = _Reader(graph, assignment, profile)
    for node in profile.graph.node:
        if node.name in profile.nodes:
            reader.add(node, profile.nodes[node.name].seconds)
    return reader.observation(profile.seconds)


def borders(units: Units, int8: Callable[[str], bool], tensor: str) -> tuple[bool, bool]:
    """Tell whether a tensor is quantised for a reader in INT8, and dequantised for one in FP32.

    ``int8`` tells of a unit's name whether that computes in INT8.
    """
    producer = units.producers.get(tensor)
    made = producer is not None and int8(producer.name)
    states = [int8(reader.name) for reader in units.readers(tensor)]
    return not made and any(states), made and (tensor in units.outputs or not all(states))


class _Reader:
    def __init__(self, graph: UnitGraph, assignment: Assignment, profile: Profile) -> None:
        self._units, self._assignment = graph.units, assignment
        self._optimised = OptimisedGraph(profile.graph, graph.network.model.graph)
        self._owners = {node.name: unit.name for unit in graph.units.units for node in unit.nodes}
        self._tensors = set(graph.units.tensors())
        self._seconds = {unit.name: 0.0 for unit in graph.units.units}
        self._quantize: dict[str, float] = {}
        self._dequantize: dict[str, float] = {}
        for tensor in graph.units.tensors():
            quantized, dequantized = borders(graph.units, self._is_int8, tensor)
            self._quantize |= {tensor: 0.0} if quantized else {}
            self._dequantize |= {tensor: 0.0} if dequantized else {}

    def add(self, node: onnx.NodeProto, seconds: float) -> None:
        """Charge a kernel to a conversion, or to a unit."""
        tensor = self._converted(node) if self._converts(node) else None
        if tensor in self._quantize:
            self._quantize[tensor] += seconds
        elif tensor in self._dequantize:
            self._dequantize[tensor] += seconds
        elif (owner := self._owner(node, tensor)) is not None:
            self._seconds[owner] += seconds

    def observation(self, seconds: float) -> Observation:
        """Return all that was charged."""
        return Observation(self._seconds, self._quantize, self._dequantize, seconds)

    def _is_int8(self, name: str) -> bool:
        return name in self._assignment.int8

    def _converts(self, node: onnx.NodeProto) -> bool:
        return node.op_type in CONVERSIONS and node.name not in self._owners

    def _converted(self, node: onnx.NodeProto) -> str | None:
        """Return the tensor that a conversion or a change of layout is about."""
        for _ in range(_REACH):
            match = _CONVERSION.match(node.name)
            if match and match["tensor"] in self._tensors:
                return match["tensor"]
            name = str(node.input[0])
            if name in self._tensors:
                return name
            writer = self._optimised.writer.get(name)
            if writer is None:
                return None
            if not self._converts(writer):
                return self._output(writer)
            node = writer
        return None

    def _output(self, kernel: onnx.NodeProto) -> str | None:
        owner = self._optimised.owner(kernel)
        unit = self._units.named(self._owners[owner]) if owner in self._owners else None
        return unit.output if unit is not None else None

    def _owner(self, node: onnx.NodeProto, tensor: str | None) -> str | None:
        """Return the unit that a kernel works for; a conversion inside a chain works for what it reads."""
        producer = self._units.producers.get(tensor) if tensor is not None else None
        if producer is not None:
            return producer.name
        owner = self._optimised.owner(node)
        return self._owners.get(owner) if owner is not None else None
