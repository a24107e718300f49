"""A few mixed recipes that are worth a trial: profiles, probes and cuts say which."""

import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import onnx

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.analysis.profile import profile
from inc_mlflow.engines.onnxruntime.calibration.ranges import Ranges
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL, with_outputs
from inc_mlflow.engines.onnxruntime.graph.network import save_beside
from inc_mlflow.engines.onnxruntime.mixed.costs import Costs
from inc_mlflow.engines.onnxruntime.mixed.cut import best_assignment, predicted
from inc_mlflow.engines.onnxruntime.mixed.errors import KnownErrors
from inc_mlflow.engines.onnxruntime.mixed.kernels import without_integer_kernel
from inc_mlflow.engines.onnxruntime.mixed.observation import Observation, borders, observed
from inc_mlflow.engines.onnxruntime.mixed.probes import Probes, Tensors, compared_tensors, relative_squares
from inc_mlflow.engines.onnxruntime.mixed.reasons import Reasons
from inc_mlflow.engines.onnxruntime.mixed.unit import Unit, UnitKind
from inc_mlflow.engines.onnxruntime.mixed.unit_graph import UnitGraph
from inc_mlflow.engines.onnxruntime.mixed.writer import Assignment, write_mixed
from inc_mlflow.engines.onnxruntime.options import CalibrateMethod, Mixed
from inc_mlflow.engines.onnxruntime.runtime.call_timeout import TimedSession
from inc_mlflow.engines.onnxruntime.runtime.rows import row_axes
from inc_mlflow.engines.onnxruntime.runtime.session import open_file, open_proto, options
from inc_mlflow.engines.plan import LEAST_GAIN, NoTime, Planned, Recall, RecipePlan

PRICES = (0.0, *(10.0 ** (-5 + 0.5 * step) for step in range(17)))
"""Seconds that an error of one is worth, from nothing to all of the time of any model."""
_PASSES = 12
_ROUNDS = 2
_VERIFIED = 3
"""Assignments that are built and profiled in a round."""
_SOLUTIONS = 12
"""Largest number of times that all prices are solved with new probes."""
_RECIPES = 4
_WORTH = 0.5
"""A recipe with less than this share of the best one's gain is no choice."""
_BASELINE = "baseline"
_INSTANT = 1e-9
_GAINING = frozenset({"Attention", "Conv", "ConvTranspose", "Gemm", "GRU", "LSTM", "MatMul"})
"""Operators that other methods may make faster where this one does not cover them."""
_Item = TypeVar("_Item")


@dataclass(frozen=True)
class MeasuredAssignment:
    """An assignment that was built: its measured seconds per batch, and the error of its outputs."""

    assignment: Assignment
    seconds: float
    error: float


class Planner:
    """Finds assignments for one baseline with the ranges of one calibration method."""

    def __init__(
        self,
        baseline: Path,
        ranges: Ranges,
        rows: Sequence[Arrays],
        batches: Sequence[Arrays],
        recall: Recall,
        method: CalibrateMethod = "minmax",
    ) -> None:
        self._baseline, self._rows, self._batches, self._recall = baseline, rows, batches, recall
        self._method, self._ranges = method, ranges
        self.graph = UnitGraph.of(baseline, ranges, method)
        self._tensors = Tensors.of(self.graph, baseline, rows)
        self.costs = Costs(self._tensors.sizes)
        self._probes: Probes | None = None
        self._errors = KnownErrors(self.graph, self._tensors, self._probe)
        self._reference: list[list[Any]] = []
        self._able: list[Unit] = []
        self._fp32 = 0.0
        self.verified: list[MeasuredAssignment] = []

    def plan(self) -> RecipePlan | None:
        """Return the plan, without a round where INT8 gains too little; None where nothing can be in INT8.

        Raises ModelError where a model does not run, and NoTime where there is none for the first profiles.
        """
        names = set(self._recall("able units", self._names_with_kernels))
        self._able = [unit for unit in self.graph.units.units if unit.name in names]
        dynamic = frozenset(unit.name for unit in self.graph.units.units if unit.dynamic)
        if not self._able and not dynamic:
            return None
        linear = frozenset(unit.name for unit in self._able if unit.kind is UnitKind.LINEAR)
        first = [Assignment(frozenset(names)), Assignment(linear), Assignment(dynamic=dynamic)]
        self._measure([one for one in dict.fromkeys(first) if one.int8 or one.dynamic])
        gain = self._gain(self._predicted(self._cut(0.0))[0])
        fastest = Assignment()
        if gain >= LEAST_GAIN:
            with suppress(NoTime):
                for _round in range(_ROUNDS):
                    known = [done.assignment for done in self.verified]
                    self._measure(_spread([one for one in self._solved() if one not in known], _VERIFIED))
            gain = min(gain, self._gain(min(one.seconds for one in self.verified)))
            fastest = self._cut(0.0)
        limit = self._fp32 / max(self.costs.fastest(self.graph.units), _INSTANT)
        return RecipePlan(self._chosen(fastest), gain, limit)

    def _gain(self, seconds: float) -> float:
        """Return the speed-up of a model if all that this writer does not cover took no time in INT8."""
        uncovered = [
            self.costs.fp32.get(unit.name, 0.0)
            for unit in self.graph.units.units
            if unit.kind is UnitKind.OTHER and unit.first.op_type in _GAINING
        ]
        return self._fp32 / max(seconds - sum(uncovered), _INSTANT)

    def _names_with_kernels(self) -> list[str]:
        """Return the units that ONNX Runtime runs in integer kernels where all that can be are in INT8."""
        able = self.graph.able()
        with tempfile.TemporaryDirectory() as folder:
            while able:
                path = self._write(Assignment(frozenset(unit.name for unit in able)), Path(folder))
                left = without_integer_kernel(path, able)
                if not left:
                    break
                able = [unit for unit in able if unit not in left]
        return [unit.name for unit in able]

    def _measure(self, assignments: Sequence[Assignment]) -> None:
        """Build models, profile them in turns with the baseline, and take what they show into the costs."""
        if not assignments:
            return
        question = f"profile {[_plain(one) for one in assignments]}"
        answer = self._recall(question, lambda: self._profiled(assignments))
        baseline = Observation(**answer["baseline"])
        factor = (self._fp32 or baseline.seconds) / baseline.seconds
        if not self._fp32:
            self._fp32 = baseline.seconds
            self.costs.learn(self.graph.units.units, Assignment(), baseline)
        for assignment, seen, error in zip(assignments, answer["models"], answer["errors"], strict=True):
            observation = _scaled(Observation(**seen), factor)
            self.costs.learn(self.graph.units.units, assignment, observation)
            self.verified.append(MeasuredAssignment(assignment, observation.seconds, error))

    def _profiled(self, assignments: Sequence[Assignment]) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            paths = {_BASELINE: self._baseline}
            for number, assignment in enumerate(assignments):
                place = Path(folder) / str(number)
                place.mkdir()
                paths[str(number)] = self._write(assignment, place)
            profiles = profile(paths, self._batches, _PASSES)
            seen = [
                observed(self.graph, assignment, profiles[str(number)])
                for number, assignment in enumerate(assignments)
            ]
            errors = [self._error(paths[str(number)]) for number in range(len(assignments))]
        own = observed(self.graph, Assignment(), profiles[_BASELINE])
        return {"baseline": asdict(own), "models": [asdict(one) for one in seen], "errors": errors}

    def _write(self, assignment: Assignment, folder: Path) -> Path:
        path = folder / MODEL
        graph = self.graph
        save_beside(write_mixed(graph.network, graph.units, graph.ranges, assignment), self._baseline, path)
        return path

    def _error(self, model: Path) -> float:
        if not self._reference:
            self._reference = self._outputs(self._baseline)
        return relative_squares(self._reference, self._outputs(model))

    def _outputs(self, path: Path) -> list[list[Any]]:
        names = compared_tensors(self.graph.network.model)
        axes = row_axes(open_file(self._baseline, options(1)), inside=True)
        session = open_proto(with_outputs(onnx.load(path), names), path.parent, options(1))
        timed = TimedSession(session, path)
        return [timed.run(names, axes.fed(row), "calibration rows") for row in self._rows]

    def _probe(self, tensor: str) -> float:
        return float(self._recall(f"probe {self._method} {tensor}", lambda: self._probed(tensor)))

    def _probed(self, tensor: str) -> float:
        if self._probes is None:
            able = {name for unit in self._able for name in (*unit.inputs, unit.output)}
            able |= {name for unit in self.graph.units.units if unit.dynamic for name in unit.inputs}
            tensors = [name for name in self.graph.units.tensors() if name in able & self.graph.ranges.keys()]
            self._probes = Probes(self.graph, self._baseline, tensors, self._rows)
        return self._probes.error(tensor)

    def _solved(self) -> list[Assignment]:
        """Return the distinct best assignments of all prices, once what they quantise is probed."""
        for _solution in range(_SOLUTIONS):
            found = list(dict.fromkeys(map(self._cut, PRICES)))
            if not self._errors.learn(self._wanted(found)):
                break
        return [one for one in found if one.int8 or one.dynamic]

    def _wanted(self, assignments: Iterable[Assignment]) -> list[str]:
        """Return the tensors that any of these quantises; those around the largest gains come first."""
        gains: dict[str, float] = {}
        for assignment in assignments:
            for unit in self.graph.units.units:
                if unit.name not in assignment.int8 | assignment.dynamic:
                    continue
                gain = self.costs.fp32.get(unit.name, 0.0) - self.costs.int8.get(unit.name, 0.0)
                for name in (*unit.inputs, unit.output):
                    gains[name] = max(gains.get(name, gain), gain)
        quantized = {
            name
            for assignment in assignments
            for name in self.graph.units.tensors()
            if any(borders(self.graph.units, (assignment.int8 | assignment.dynamic).__contains__, name))
            or name in gains
        }
        return sorted(quantized & gains.keys(), key=lambda name: (-gains[name], name))

    def _cut(self, price: float) -> Assignment:
        return best_assignment(self.graph.units, self._able, self.costs, self._errors.errors(), price)

    def _predicted(self, assignment: Assignment) -> tuple[float, float]:
        return predicted(self.graph.units, self.costs, self._errors.errors(), assignment)

    def _chosen(self, fastest: Assignment) -> tuple[Planned, ...]:
        """Return the front of time and error, fastest first, without what gains little."""
        front: list[MeasuredAssignment] = []
        for one in sorted(self.verified, key=lambda one: (one.seconds, one.error)):
            gained = self._fp32 - one.seconds
            worth = gained >= _WORTH * (self._fp32 - front[0].seconds) if front else True
            if worth and (not front or one.error < front[-1].error):
                front.append(one)
        reasons = Reasons(self.graph, self.costs, fastest)
        return tuple(
            Planned(self._recipe(one.assignment), reasons.line(one.assignment, self._fp32, one.seconds))
            for one in _spread(front, _RECIPES)
        )

    def _recipe(self, assignment: Assignment) -> Mixed:
        order = [unit.name for unit in self.graph.units.units]
        return Mixed(
            int8=tuple(name for name in order if name in assignment.int8),
            dynamic=tuple(name for name in order if name in assignment.dynamic),
            calibrate_method=self._method,
        )


def _plain(assignment: Assignment) -> list[list[str]]:
    return [sorted(assignment.int8), sorted(assignment.dynamic)]


def _scaled(seen: Observation, factor: float) -> Observation:
    """Bring seconds to those of the first profile: a machine's speed changes."""
    parts = [
        {name: seconds * factor for name, seconds in part.items()}
        for part in (seen.units, seen.quantize, seen.dequantize)
    ]
    return Observation(parts[0], parts[1], parts[2], seen.seconds * factor)


def _spread(items: Sequence[_Item], count: int) -> list[_Item]:
    """Return at most ``count`` of the items, the first and the last among them, evenly spread."""
    if len(items) <= count:
        return list(items)
    return [items[round(place * (len(items) - 1) / (count - 1))] for place in range(count)]
