"""A unit: the nodes that ONNX Runtime fuses into one kernel, and that change their precision together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import onnx


class UnitKind(StrEnum):
    """How a unit is written in INT8."""

    LINEAR = "linear"
    """Conv, Gemm or MatMul with constant weights; behind a MatMul its bias, behind all a Relu or Clip."""
    HARD_SWISH = "hard swish"
    """x times HardSigmoid(x): an addition that saturates, and a multiplication."""
    SCALAR = "scalar"
    """One number added or multiplied: the integers stay, their scale or zero point changes."""
    KERNEL = "kernel"
    """An operator with an integer kernel that scales its output anew; behind it a Relu or Clip."""
    MOVE = "move"
    """An operator that moves or selects values: the output has the scale of the input."""
    OTHER = "other"
    """Not covered: always FP32."""


@dataclass(frozen=True, eq=False)
class Unit:
    """Nodes with one output (those that are not covered may have more)."""

    kind: UnitKind
    nodes: tuple[onnx.NodeProto, ...]
    inputs: tuple[str, ...]
    """The float activations it reads, each once."""

    @property
    def first(self) -> onnx.NodeProto:
        """The node whose operator says what the unit computes."""
        return self.nodes[0]

    @property
    def name(self) -> str:
        """Name of the first node, by which a recipe calls the unit."""
        return str(self.first.name)

    @property
    def output(self) -> str:
        """The tensor that other units read."""
        return str(self.nodes[-1].output[0])

    @property
    def activation(self) -> onnx.NodeProto | None:
        """The Relu or Clip at the end of a unit of several nodes."""
        last = self.nodes[-1]
        return last if len(self.nodes) > 1 and last.op_type in {"Relu", "Clip"} else None

    @property
    def bias_add(self) -> onnx.NodeProto | None:
        """The Add behind a MatMul."""
        linear = self.kind is UnitKind.LINEAR and self.first.op_type == "MatMul"
        return next((node for node in self.nodes[1:] if node.op_type == "Add"), None) if linear else None

    @property
    def dynamic(self) -> bool:
        """Tell whether there is a kernel that scales the activations at run time and gains."""
        return self.kind is UnitKind.LINEAR and self.first.op_type in {"Gemm", "MatMul"}


@dataclass(frozen=True)
class Units:
    """All units of a graph in its order, and the readers of each tensor."""

    units: tuple[Unit, ...]
    outputs: frozenset[str]
    """Outputs of the graph, and tensors that inner graphs read: they are read in FP32."""
    ranks: Mapping[str, int]
    """Number of axes, where the file tells it."""
    producers: Mapping[str, Unit] = field(init=False)
    """The unit that makes a tensor; inputs of the graph have none."""
    _readers: Mapping[str, tuple[Unit, ...]] = field(init=False)
    _by_name: Mapping[str, Unit] = field(init=False)

    def __post_init__(self) -> None:
        producers = {name: unit for unit in self.units for node in unit.nodes for name in node.output if name}
        object.__setattr__(self, "producers", producers)
        object.__setattr__(self, "_readers", _readers(self.units))
        object.__setattr__(self, "_by_name", {unit.name: unit for unit in self.units})

    def named(self, name: str) -> Unit | None:
        """Return the unit of that name."""
        return self._by_name.get(name)

    def readers(self, tensor: str) -> tuple[Unit, ...]:
        """Return the units that read a tensor, each once, in graph order."""
        return self._readers.get(tensor, ())

    def tensors(self) -> list[str]:
        """Return the float activations between units, in graph order."""
        return list(
            dict.fromkeys(
                name
                for unit in self.units
                for name in (*unit.inputs, *((unit.output,) if unit.kind is not UnitKind.OTHER else ()))
            )
        )


def _readers(units: Iterable[Unit]) -> dict[str, tuple[Unit, ...]]:
    readers: dict[str, tuple[Unit, ...]] = {}
    for unit in units:
        for name in unit.inputs:
            readers[name] = (*readers.get(name, ()), unit)
    return readers
