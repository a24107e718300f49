"""Scale and zero point of each tensor that is held in INT8."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from inc_mlflow.engines.onnxruntime.calibration.ranges import Range
from inc_mlflow.engines.onnxruntime.graph.network import Network
from inc_mlflow.engines.onnxruntime.mixed.unit import Unit, UnitKind, Units
from inc_mlflow.engines.onnxruntime.mixed.units import clip_bounds, scalar

_STEPS = 255
_LEAST = 1e-12
"""Smallest step: that of a tensor that is always zero."""
_WHOLE = 0.02
"""Largest distance, in steps, of an added number from a whole number of steps."""
_HALF = 0.501
"""Steps by which the ends of a scale may be off its range: zero is a whole number of steps."""
_COARSER = 1.1
"""A step may grow by this factor so that an added number becomes a whole number of steps."""


@dataclass(frozen=True)
class Scale:
    """value = (integer - zero) * step, for integers from 0 to 255; ``step`` is a float32."""

    step: float
    zero: int

    @classmethod
    def of(cls, low: float, high: float) -> "Scale":
        """Return the scale that covers a range and holds zero exactly."""
        low, high = min(low, 0.0), max(high, 0.0)
        step = _float32(max((high - low) / _STEPS, _LEAST))
        return cls(step, int(np.clip(round(-low / step), 0, _STEPS)))

    @property
    def low(self) -> float:
        """The smallest value."""
        return -self.zero * self.step

    @property
    def high(self) -> float:
        """The largest value."""
        return (_STEPS - self.zero) * self.step


class Scales:
    """The scales of all tensors, given which units compute in INT8."""

    def __init__(
        self, network: Network, units: Units, ranges: Mapping[str, Range], int8: Collection[Unit]
    ) -> None:
        self._network, self._units, self._ranges = network, units, ranges
        self._int8 = set(int8)
        self._known: dict[str, Scale] = {}
        for tensor in units.tensors():  # in graph order, so that no chain is followed far back
            if tensor in ranges:
                self.of(tensor)

    def of(self, tensor: str) -> Scale:
        """Return the scale of a tensor that has a range."""
        if tensor not in self._known:
            self._known[tensor] = self._handed_on(tensor) or self._own(tensor)
        return self._known[tensor]

    def relabelled(self, unit: Unit) -> Scale | None:
        """Return the scale in which the integers before a scalar unit stand for the values behind it.

        None where there is none: the number is no whole number of steps, or zero leaves the integers.
        """
        found = scalar(self._network, unit.first)
        if unit.kind is not UnitKind.SCALAR or found is None:
            return None
        tensor, factor, offset = found
        before = self.of(tensor)
        steps = round(offset / before.step)
        step = _float32(before.step * factor)
        whole = abs(offset / before.step - steps) <= _WHOLE and 0 <= before.zero - steps <= _STEPS
        return Scale(step, before.zero - steps) if whole and np.isfinite(step) and step >= _LEAST else None

    def clips(self, unit: Unit) -> bool:
        """Tell whether the integers behind a unit saturate where its Relu or Clip does."""
        bounds = clip_bounds(self._network, unit.activation) if unit.activation is not None else None
        if bounds is None:
            return False
        scale, tolerance = self.of(unit.output), _HALF * self.of(unit.output).step
        return scale.low >= bounds[0] - tolerance and scale.high <= bounds[1] + tolerance

    def _handed_on(self, tensor: str) -> Scale | None:
        """Return the scale that an operator without a scale of its own passes on."""
        unit = self._units.producers.get(tensor)
        if unit is None or unit not in self._int8:
            return None
        return self.of(unit.inputs[0]) if unit.kind is UnitKind.MOVE else self.relabelled(unit)

    def _own(self, tensor: str) -> Scale:
        plain = Scale.of(*self._ranges[tensor])
        producer = self._units.producers.get(tensor)
        if producer is not None and producer.activation is not None:
            return plain  # a wider range would not saturate where the Relu does
        return self._for_offset(tensor, plain) or plain

    def _for_offset(self, tensor: str, plain: Scale) -> Scale | None:
        """Return a scale in which the number that the only reader adds is a whole number of steps."""
        readers = self._units.readers(tensor)
        if len(readers) != 1 or tensor in self._units.outputs or readers[0] not in self._int8:
            return None
        found = scalar(self._network, readers[0].first) if readers[0].kind is UnitKind.SCALAR else None
        if found is None or not found[2]:
            return None
        offset = found[2]
        low, high = self._ranges[tensor]
        low, high = min(low, 0.0, -offset), max(high, 0.0, -offset)
        count = int(abs(offset) / ((high - low) / _STEPS))
        if not count:
            return None
        step = _float32(abs(offset) / count)
        zero = int(np.clip(round(-low / step), 0, _STEPS))
        return Scale(step, zero) if step <= _COARSER * plain.step else None


def complete(network: Network, units: Units, ranges: Mapping[str, Range]) -> dict[str, Range]:
    """Add the ranges that follow from others: those behind operators that move values or add a number."""
    known = dict(ranges)
    for unit in units.units:
        if (
            unit.kind not in {UnitKind.MOVE, UnitKind.SCALAR}
            or unit.output in known
            or unit.inputs[0] not in known
        ):
            continue
        low, high = known[unit.inputs[0]]
        found = scalar(network, unit.first) if unit.kind is UnitKind.SCALAR else None
        _, factor, offset = found or ("", 1.0, 0.0)
        known[unit.output] = low * factor + offset, high * factor + offset
    return known


def _float32(value: float) -> float:
    return float(np.float32(value))
