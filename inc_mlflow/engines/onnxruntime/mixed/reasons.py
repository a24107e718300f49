"""Which units of an assignment stay FP32 and why, in a line."""

from enum import StrEnum

from inc_mlflow.engines.onnxruntime.mixed.costs import Costs
from inc_mlflow.engines.onnxruntime.mixed.unit import Unit
from inc_mlflow.engines.onnxruntime.mixed.unit_graph import UnitGraph
from inc_mlflow.engines.onnxruntime.mixed.writer import Assignment
from inc_mlflow.formatting import times

_NAMED = 3
"""Units of a kind that are named: those that take most time."""
_INSTANT = 1e-9


class _Why(StrEnum):
    TIME = "where INT8 is no faster"
    ERROR = "for their error"
    UNCOVERED = "without an integer kernel"


class Reasons:
    """What ``fastest``, the best assignment if error has no price, has in INT8 stays out for its error.

    ``fp32`` and ``limit`` are seconds: of the baseline, and the least that this CPU could take.
    """

    def __init__(
        self, graph: UnitGraph, fastest: Assignment, costs: Costs, fp32: float, limit: float
    ) -> None:
        self._graph, self._fastest, self._costs = graph, fastest, costs
        self._fp32, self._limit = fp32, limit

    def line(self, assignment: Assignment, seconds: float) -> str:
        """Say how many units are in INT8, which are not and why, and how far the limit of this CPU is."""
        units, state = self._graph.units.units, assignment.int8 | assignment.dynamic
        floats = [unit for unit in units if unit.name not in state]
        dynamic = f" and {len(assignment.dynamic)} with dynamic scales" if assignment.dynamic else ""
        stay = ", ".join(text for why in _Why if (text := self._told(why, floats)))
        fp32_units = f"; FP32 are {stay}" if stay else ""
        speed, limit = (times(self._fp32 / max(one, _INSTANT)) for one in (seconds, self._limit))
        return (
            f"{len(assignment.int8)} of {len(units)} units in INT8{dynamic}{fp32_units}; "
            f"{speed} as fast by the profile, at most {limit} with the fastest kernel for each unit"
        )

    def _told(self, why: _Why, floats: list[Unit]) -> str:
        found = [unit for unit in floats if self._why(unit) is why]
        found.sort(key=lambda unit: -self._costs.fp32.get(unit.name, 0.0))  # stable: then in graph order
        names = [unit.name if why is not _Why.UNCOVERED else unit.first.op_type for unit in found]
        named = list(dict.fromkeys(names))[:_NAMED]
        more = ", ..." if len(dict.fromkeys(names)) > _NAMED else ""
        return f"{len(found)} {why} ({', '.join(named)}{more})" if found else ""

    def _why(self, unit: Unit) -> _Why:
        if self._graph.lacks(unit) is not None and not unit.dynamic:
            return _Why.UNCOVERED
        return _Why.ERROR if unit.name in self._fastest.int8 | self._fastest.dynamic else _Why.TIME
