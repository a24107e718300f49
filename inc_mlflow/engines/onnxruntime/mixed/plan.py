"""A few mixed recipes that are worth a trial: profiles, probes and cuts say which."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.calibration.collect import QUANTIZABLE
from inc_mlflow.engines.onnxruntime.calibration.ranges import Ranges
from inc_mlflow.engines.onnxruntime.mixed.choice import (
    MeasuredAssignment,
    to_build,
    underestimated,
    worth_a_trial,
)
from inc_mlflow.engines.onnxruntime.mixed.costs import Costs
from inc_mlflow.engines.onnxruntime.mixed.cut import best_assignment, predicted
from inc_mlflow.engines.onnxruntime.mixed.effort import Effort, seconds_per_batch
from inc_mlflow.engines.onnxruntime.mixed.errors import KnownErrors
from inc_mlflow.engines.onnxruntime.mixed.observation import Observation, borders
from inc_mlflow.engines.onnxruntime.mixed.probes import Probes, Tensors
from inc_mlflow.engines.onnxruntime.mixed.profiled_models import ProfiledModels
from inc_mlflow.engines.onnxruntime.mixed.reasons import Reasons
from inc_mlflow.engines.onnxruntime.mixed.unit import Unit, UnitKind
from inc_mlflow.engines.onnxruntime.mixed.unit_graph import UnitGraph
from inc_mlflow.engines.onnxruntime.mixed.writer import Assignment
from inc_mlflow.engines.onnxruntime.options import CalibrateMethod, Mixed
from inc_mlflow.engines.plan import LEAST_GAIN, NoTime, Planned, Recall, RecipePlan

PRICES = (0.0, *(10.0 ** (-5 + 0.25 * step) for step in range(33)))
"""Seconds that an error of one is worth, from nothing to all of the time of any model."""
_SIZED = 2
"""Batches of calibration rows on which the sizes of tensors are taken."""
_COARSE = 4
"""Every so many of the prices are solved to find what is to be probed."""
_ROUNDS = 2
_FASTER = 1.02
"""A round that brings less speed than this is the last one."""
_SOLUTIONS = 6
"""Largest number of times that prices are solved with new probes."""
_INSTANT = 1e-9
_GAINING = frozenset({"Attention", "Conv", "ConvTranspose", "Gemm", "GRU", "LSTM", "MatMul"})
"""Operators that may be faster in INT8: without any nothing is, and other methods cover more of them."""


class Planner:
    """Finds assignments for one baseline with the ranges of one calibration method.

    ``seconds`` is the CPU time that the plan should take; it sizes what is measured.
    """

    def __init__(
        self,
        baseline: Path,
        ranges: Ranges,
        rows: Sequence[Arrays],
        batches: Sequence[Arrays],
        recall: Recall,
        seconds: float,
        method: CalibrateMethod = "minmax",
    ) -> None:
        self._baseline, self._recall, self._method = baseline, recall, method
        speed = float(recall("speed", lambda: seconds_per_batch(baseline, batches[0])))
        self._effort = Effort.of(seconds, speed)
        self._rows = rows[: self._effort.rows]
        self.graph = UnitGraph.of(baseline, ranges, method)
        self._tensors = Tensors.of(self.graph, baseline, self._rows[:_SIZED])
        self._models = ProfiledModels(self.graph, baseline, self._rows, batches, self._effort)
        self.costs = Costs(self._tensors.sizes)
        self._probes: Probes | None = None
        self._errors = KnownErrors(self.graph, self._tensors, self._probe, self._effort.probes)
        self._able = self.graph.able()
        self._fp32 = 0.0
        self.measured: list[MeasuredAssignment] = []

    def plan(self) -> RecipePlan | None:
        """Return the plan, without a round where INT8 gains too little; None where nothing can gain.

        Raises ModelError where a model does not run, and NoTime where there is none for the first profiles.
        """
        every = frozenset(unit.name for unit in self._able)
        linear = frozenset(unit.name for unit in self._able if unit.kind is UnitKind.LINEAR)
        dynamic = frozenset(unit.name for unit in self.graph.units.units if unit.dynamic)
        first = [Assignment(every), Assignment(linear), Assignment(dynamic=dynamic)]
        first = [one for one in dict.fromkeys(first) if one.int8 or one.dynamic]
        gaining = any(unit.first.op_type in _GAINING for unit in self._able)
        if not gaining and not dynamic:
            return None
        self._measure(first)
        gain, fastest = self._promised(), Assignment()
        if gain >= LEAST_GAIN:
            with suppress(NoTime):
                self._improve()
            best = min(self.measured, key=lambda one: one.seconds)
            gain = min(gain, self._gain(best.seconds, best.assignment))
            fastest = self._cut(0.0)
        limit = min(self.costs.fastest(self.graph.units), self._least_seconds())
        reasons = Reasons(self.graph, fastest, self.costs, self._fp32, limit)
        planned = tuple(
            Planned(self._recipe(one.assignment), reasons.line(one.assignment, one.seconds))
            for one in worth_a_trial(self.measured, self._fp32)
        )
        return RecipePlan(planned, gain, self._fp32 / max(limit, _INSTANT))

    def _improve(self) -> None:
        """Build the best assignments and learn from them, while that brings speed or shows a false hope."""
        for _round in range(_ROUNDS):
            before, known = self._least_seconds(), [done.assignment for done in self.measured]
            expected = [(one, self._expected_error(one)) for one in self._solved() if one not in known]
            self._measure(to_build(expected))
            built = self.measured[len(known) :]
            if all(one.usable for one in built) and self._least_seconds() * _FASTER > before:
                return

    def _expected_error(self, assignment: Assignment) -> float:
        """Return the predicted error, larger where models that were built have larger ones than predicted."""
        seen = ((self._predicted(one.assignment)[1], one.error) for one in self.measured)
        return self._predicted(assignment)[1] * underestimated(seen)

    def _least_seconds(self) -> float:
        return min((one.seconds for one in self.measured if one.usable), default=self._fp32)

    def _promised(self) -> float:
        """Return the gain of the best assignment if error has no price."""
        fastest = self._cut(0.0)
        return self._gain(self._predicted(fastest)[0], fastest)

    def _gain(self, seconds: float, assignment: Assignment) -> float:
        """Return the speed-up if all that only other methods cover took no time, and no conversion around."""
        elsewhere = 0.0
        for unit in self.graph.units.units:
            if unit.kind is not UnitKind.OTHER:
                continue
            if unit.first.op_type in _GAINING:
                elsewhere += self.costs.fp32.get(unit.name, 0.0)
            if unit.first.op_type in QUANTIZABLE:
                elsewhere += self._conversions(unit, assignment)
        return self._fp32 / max(seconds - elsewhere, _INSTANT)

    def _conversions(self, unit: Unit, assignment: Assignment) -> float:
        """Return the seconds of the conversions around a unit that is not covered."""
        units, names = self.graph.units, assignment.int8
        before = [name for name in unit.inputs if (made := units.producers.get(name)) and made.name in names]
        behind = [
            name for name in unit.first.output if any(reader.name in names for reader in units.readers(name))
        ]
        return sum(map(self.costs.dequantize, before)) + sum(map(self.costs.quantize, behind))

    def _measure(self, assignments: Sequence[Assignment]) -> None:
        """Build models, profile them in turns with the baseline, and take what they show into the costs."""
        if not assignments:
            return
        question = f"profile {[_plain(one) for one in assignments]}"
        answer = self._recall(question, lambda: self._models.measured(assignments))
        baseline = Observation(**answer["baseline"])
        factor = (self._fp32 or baseline.seconds) / baseline.seconds
        if not self._fp32:
            self._fp32 = baseline.seconds
            self.costs.learn(self.graph.units.units, Assignment(), baseline)
        models = zip(assignments, answer["models"], answer["errors"], answer["floats"], strict=True)
        for assignment, seen, error, floats in models:
            observation = _scaled(Observation(**seen), factor)
            self.costs.learn(self.graph.units.units, assignment, observation)
            self.measured.append(MeasuredAssignment(assignment, observation.seconds, error, not floats))
            self._able = [unit for unit in self._able if unit.name not in floats]

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
            if not self._errors.learn(self._wanted(self._cuts(PRICES[::_COARSE]))):
                break
        return [one for one in self._cuts(PRICES) if one.int8 or one.dynamic]

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
        return self._cuts([price])[0]

    def _cuts(self, prices: Sequence[float]) -> list[Assignment]:
        """Return the distinct best assignments of some prices."""
        units, errors = self.graph.units, self._errors.errors()
        return list(
            dict.fromkeys(best_assignment(units, self._able, self.costs, errors, one) for one in prices)
        )

    def _predicted(self, assignment: Assignment) -> tuple[float, float]:
        return predicted(self.graph.units, self.costs, self._errors.errors(), assignment)

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
