"""Why units of an assignment stay FP32, in a line."""

from collections import Counter

from inc_mlflow.engines.onnxruntime.mixed.unit_graph import UnitGraph
from inc_mlflow.engines.onnxruntime.mixed.writer import Assignment
from inc_mlflow.formatting import times

_NAMED = 3
"""Operators that are named as not covered."""


class Reasons:
    """What ``fastest``, the best assignment if error has no price, has in INT8 stays out for its error.

    ``fp32`` and ``limit`` are seconds: of the baseline, and the least that this CPU could take.
    """

    def __init__(self, graph: UnitGraph, fastest: Assignment, fp32: float, limit: float) -> None:
        self._graph, self._fastest, self._fp32, self._limit = graph, fastest, fp32, limit

    def line(self, assignment: Assignment, seconds: float) -> str:
        """Say how many units are in INT8, why the others are not, and how far the limit of this CPU is."""
        units, state = self._graph.units.units, assignment.int8 | assignment.dynamic
        why = Counter(self._why(unit.name) for unit in units if unit.name not in state)
        uncovered = Counter(unit.first.op_type for unit in units if self._graph.lacks(unit) is not None)
        names = ", ".join(name for name, _ in uncovered.most_common(_NAMED))
        parts = [f"{why[word]} {text}" for word, text in _TEXTS.items() if why[word]]
        stay = f"; FP32 stay {', '.join(parts)}" if parts else ""
        covered = f" ({names})" if why["uncovered"] and names else ""
        dynamic = f" and {len(assignment.dynamic)} with dynamic scales" if assignment.dynamic else ""
        speed, limit = (times(self._fp32 / max(one, 1e-9)) for one in (seconds, self._limit))
        return (
            f"{len(assignment.int8)} of {len(units)} units in INT8{dynamic}{stay}{covered}; "
            f"{speed} of at most {limit} with the fastest kernel for each and no conversion"
        )

    def _why(self, name: str) -> str:
        unit = self._graph.units.named(name)
        if unit is None or (self._graph.lacks(unit) is not None and not unit.dynamic):
            return "uncovered"
        return "error" if name in self._fastest.int8 | self._fastest.dynamic else "time"


_TEXTS = {
    "time": "since INT8 is no faster there",
    "error": "for their error",
    "uncovered": "without an integer kernel",
}
