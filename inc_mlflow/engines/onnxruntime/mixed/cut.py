"""The assignment that is best for a price of error: one minimum cut, exact, in milliseconds.

Time and error are sums over units and borders between them, so the best of all assignments is a minimum cut
between FP32 and INT8 (Kolmogorov and Zabih, "What Energy Functions Can Be Minimized via Graph Cuts?",
2004). What is cut and what it costs: an edge from FP32 to a unit that computes in INT8, its time and error;
an edge from a unit that does not to INT8, its time in FP32 or with dynamic scales; at each tensor one node
for "some reader is in INT8", which pays the quantisation, and one for "all readers are", without which what
INT8 makes is dequantised.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from inc_mlflow.engines.onnxruntime.mixed.costs import Costs
from inc_mlflow.engines.onnxruntime.mixed.observation import borders
from inc_mlflow.engines.onnxruntime.mixed.unit import Unit, UnitKind, Units
from inc_mlflow.engines.onnxruntime.mixed.writer import Assignment

_INFINITE = 2**30
_PER_SECOND = 1e9
"""Capacities are whole numbers of nanoseconds, up to a second."""
_FP32, _INT8 = 0, 1


@dataclass(frozen=True)
class Errors:
    """Relative square errors of the outputs: of quantising a tensor, and of a unit's own rounding."""

    tensors: Mapping[str, float]
    weights: Mapping[str, float]
    """By unit in INT8."""
    dynamic: Mapping[str, float]
    """By unit with dynamic scales, its activations included."""


def best_assignment(
    units: Units, able: Collection[Unit], costs: Costs, errors: Errors, price: float
) -> Assignment:
    """Return the assignment with the least time plus ``price`` times error; the same numbers give the same.

    ``price`` is in seconds for an error of one. Units without a known time in INT8 stay as they are.
    """
    return _Cut(units, able, costs, errors, price).assignment()


def predicted(units: Units, costs: Costs, errors: Errors, assignment: Assignment) -> tuple[float, float]:
    """Return seconds and error of an assignment."""

    def is_int8(name: str) -> bool:
        return name in assignment.int8

    seconds = error = 0.0
    for unit in units.units:
        if is_int8(unit.name):
            seconds += costs.int8.get(unit.name, costs.fp32.get(unit.name, 0.0))
            error += errors.weights.get(unit.name, 0.0)
        elif unit.name in assignment.dynamic:
            seconds += costs.dynamic.get(unit.name, 0.0)
            error += errors.dynamic.get(unit.name, 0.0)
        else:
            seconds += costs.fp32.get(unit.name, 0.0)
    for tensor in units.tensors():
        quantized, dequantized = borders(units, is_int8, tensor)
        producer = units.producers.get(tensor)
        rounded = producer is not None and is_int8(producer.name) and producer.kind not in _HANDED_ON
        seconds += costs.quantize(tensor) if quantized else 0.0
        seconds += costs.dequantize(tensor) if dequantized else 0.0
        error += errors.tensors.get(tensor, 0.0) if quantized or rounded else 0.0
    return seconds, error


_HANDED_ON = frozenset({UnitKind.MOVE, UnitKind.SCALAR})
"""Units whose output has the integers of their input."""


class _Cut:
    def __init__(
        self, units: Units, able: Collection[Unit], costs: Costs, errors: Errors, price: float
    ) -> None:
        self._units, self._costs, self._errors, self._price = units, costs, errors, price
        self._able = {unit.name for unit in able} & costs.int8.keys()
        self._places: dict[tuple[str, str], int] = {}
        self._edges: dict[tuple[int, int], int] = {}
        self._dynamic: set[str] = set()

    def assignment(self) -> Assignment:
        for unit in self._units.units:
            self._add_unit(unit)
        for tensor in self._units.tensors():
            self._add_tensor(tensor)
        floats = self._reached()
        names = [unit.name for unit in self._units.units]
        int8 = frozenset(name for name in names if self._place("unit", name) not in floats)
        return Assignment(int8, frozenset(self._dynamic - int8))

    def _add_unit(self, unit: Unit) -> None:
        name, place = unit.name, self._place("unit", unit.name)
        best = self._costs.fp32.get(name, 0.0)
        if unit.dynamic and name in self._costs.dynamic:
            other = self._costs.dynamic[name] + self._price * self._errors.dynamic.get(name, 0.0)
            if other < best:
                best = other
                self._dynamic.add(name)
        self._edge(place, _INT8, best)
        if name not in self._able:
            self._edge(_FP32, place, None)
            return
        error = self._errors.weights.get(name, 0.0)
        error += 0.0 if unit.kind in _HANDED_ON else self._errors.tensors.get(unit.output, 0.0)
        self._edge(_FP32, place, self._costs.int8[name] + self._price * error)

    def _add_tensor(self, tensor: str) -> None:
        producer = self._units.producers.get(tensor)
        made = _FP32 if producer is None else self._place("unit", producer.name)
        some, every = self._place("some", tensor), self._place("every", tensor)
        for reader in self._units.readers(tensor):
            self._edge(some, self._place("unit", reader.name), None)
            self._edge(self._place("unit", reader.name), every, None)
        error = self._price * self._errors.tensors.get(tensor, 0.0)
        self._edge(made, some, self._costs.quantize(tensor) + error)
        if producer is not None:
            self._edge(every, made, self._costs.dequantize(tensor))
        if tensor in self._units.outputs:
            self._edge(_FP32, every, None)

    def _place(self, kind: str, name: str) -> int:
        return self._places.setdefault((kind, name), len(self._places) + 2)

    def _edge(self, start: int, end: int, seconds: float | None) -> None:
        """Add a capacity; None is one that is never cut."""
        capacity = _INFINITE if seconds is None else min(_INFINITE, round(seconds * _PER_SECOND))
        if capacity > 0:
            self._edges[start, end] = min(_INFINITE, self._edges.get((start, end), 0) + capacity)

    def _reached(self) -> set[int]:
        """Return what stays on the side of FP32: what the flow leaves reachable."""
        from scipy.sparse import csr_matrix
        from scipy.sparse.csgraph import breadth_first_order, maximum_flow

        starts, ends = zip(*self._edges, strict=True)
        size = len(self._places) + 2
        graph = csr_matrix(
            (np.array(list(self._edges.values()), np.int32), (starts, ends)), shape=(size, size)
        )
        residual = graph - maximum_flow(graph, _FP32, _INT8).flow
        residual.data = np.where(residual.data > 0, 1, 0)
        residual.eliminate_zeros()
        return {int(place) for place in breadth_first_order(residual, _FP32, return_predecessors=False)}
