"""A baseline as its units, with the ranges of its tensors: what a mixed model is written from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import onnx

from inc_mlflow.engines.onnxruntime.calibration.ranges import Range, Ranges
from inc_mlflow.engines.onnxruntime.graph.network import Network
from inc_mlflow.engines.onnxruntime.graph.topological import sort_nodes
from inc_mlflow.engines.onnxruntime.mixed.scales import complete
from inc_mlflow.engines.onnxruntime.mixed.unit import Unit, UnitKind, Units
from inc_mlflow.engines.onnxruntime.mixed.units import find_units
from inc_mlflow.engines.onnxruntime.options import CalibrateMethod


@dataclass(frozen=True)
class UnitGraph:
    """The units of a baseline by name, and the range of each tensor that has one."""

    network: Network
    units: Units
    ranges: Mapping[str, Range]
    _unusable: frozenset[str]

    @classmethod
    def of(cls, baseline: Path, ranges: Ranges, method: CalibrateMethod) -> Self:
        """Read a baseline with its weights; the ranges are those of one calibration method.

        Raises ModelError where the method needs histograms and there are none.
        """
        model = onnx.load(baseline)
        sort_nodes(model)
        network = Network(model)
        units = find_units(network)
        final = complete(network, units, ranges.final(method))
        return cls(network, units, final, ranges.unusable)

    def lacks(self, unit: Unit) -> str | None:
        """Say in words why a unit cannot compute in INT8; None where it can."""
        if unit.kind is UnitKind.OTHER:
            return f"{unit.first.op_type} is not covered"
        for tensor in (*unit.inputs, unit.output):
            if tensor in self._unusable:
                return f"eight bits cannot hold {tensor!r}"
            if tensor not in self.ranges:
                return f"{tensor!r} has no range"
        return None

    def able(self) -> list[Unit]:
        """Return the units that can compute in INT8, as far as the graph tells."""
        return [unit for unit in self.units.units if self.lacks(unit) is None]
