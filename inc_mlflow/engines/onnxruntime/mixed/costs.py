"""Seconds of each unit in each state, and of each conversion, as far as profiles have shown them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from inc_mlflow.engines.onnxruntime.mixed.observation import Observation
from inc_mlflow.engines.onnxruntime.mixed.unit import Unit, Units
from inc_mlflow.engines.onnxruntime.mixed.writer import Assignment

_CALL = 1.5e-6
"""Seconds of a kernel that has nothing to do."""
_PER_ELEMENT = 0.25e-9
"""Seconds per element of a conversion where no profile has shown any."""
_SEEN, _LARGE = 4, 256
"""How many conversions give a time per element, and how many elements each has at least."""


@dataclass
class Costs:
    """Learns from observations; a later one counts as much as all before it."""

    sizes: Mapping[str, int]
    """Elements of each tensor in a batch."""
    fp32: dict[str, float] = field(default_factory=dict)
    int8: dict[str, float] = field(default_factory=dict)
    dynamic: dict[str, float] = field(default_factory=dict)
    _quantize: dict[str, float] = field(default_factory=dict)
    _dequantize: dict[str, float] = field(default_factory=dict)

    def learn(self, units: Sequence[Unit], assignment: Assignment, seen: Observation) -> None:
        """Take what one profiled model shows."""
        for unit in units:
            known = self._of(unit, assignment)
            _mix(known, unit.name, seen.units.get(unit.name, 0.0))
        for tensor, seconds in seen.quantize.items():
            _mix(self._quantize, tensor, seconds)
        for tensor, seconds in seen.dequantize.items():
            _mix(self._dequantize, tensor, seconds)

    def quantize(self, tensor: str) -> float:
        """Return the seconds from FP32 to INT8."""
        return self._conversion(self._quantize, tensor)

    def dequantize(self, tensor: str) -> float:
        """Return the seconds from INT8 to FP32."""
        return self._conversion(self._dequantize, tensor)

    def fastest(self, units: Units) -> float:
        """Return the sum of the fastest kernels without any conversion: no assignment can be faster."""
        states = (self.fp32, self.int8, self.dynamic)
        return sum(
            min((known[unit.name] for known in states if unit.name in known), default=0.0)
            for unit in units.units
        )

    def _of(self, unit: Unit, assignment: Assignment) -> dict[str, float]:
        if unit.name in assignment.int8:
            return self.int8
        return self.dynamic if unit.name in assignment.dynamic else self.fp32

    def _conversion(self, known: Mapping[str, float], tensor: str) -> float:
        """Return a known price, or that of the others for as many elements."""
        if tensor in known:
            return known[tensor]
        seen = [
            seconds / self.sizes[name] for name, seconds in known.items() if self.sizes.get(name, 0) > _LARGE
        ]
        rate = median(seen) if len(seen) >= _SEEN else _PER_ELEMENT
        return _CALL + rate * self.sizes.get(tensor, 0)


def _mix(known: dict[str, float], name: str, seconds: float) -> None:
    known[name] = (known[name] + seconds) / 2 if name in known else seconds
