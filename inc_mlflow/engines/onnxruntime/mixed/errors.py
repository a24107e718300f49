"""Errors of units and borders from few probes: of one tensor each, only of what a cut would quantise."""

from collections.abc import Callable, Iterable

import numpy as np

from inc_mlflow.engines.onnxruntime.mixed.cut import Errors
from inc_mlflow.engines.onnxruntime.mixed.probes import Tensors
from inc_mlflow.engines.onnxruntime.mixed.scales import Scale
from inc_mlflow.engines.onnxruntime.mixed.unit import Unit, UnitKind
from inc_mlflow.engines.onnxruntime.mixed.unit_graph import UnitGraph
from inc_mlflow.engines.onnxruntime.mixed.units import channel_axis
from inc_mlflow.engines.onnxruntime.mixed.weights import quantised
from inc_mlflow.engines.plan import NoTime

_TINY = 1e-30
_LARGEST = 1e3
"""Outputs that are off by more, or whose shape changes, are of no use either way."""
_GATE = 0.5
"""A HardSwish rounds its gate to 255 steps beside its input: about half of that one's error on top."""


class KnownErrors:
    """Asks ``probe`` for the error of a tensor where it is needed, at most ``most`` times.

    What rounded weights add is taken from a probe of the unit's output: that shows how much noise there
    counts at the outputs of the model, and weights make noise there too, of a relative size that is known.
    """

    def __init__(self, graph: UnitGraph, tensors: Tensors, probe: Callable[[str], float], most: int) -> None:
        self._graph, self._tensors, self._probe, self._most = graph, tensors, probe, most
        self._known: dict[str, float] = {}
        self._rounding = {
            unit.name: self._weight_noise(unit) for unit in graph.units.units if unit.kind is UnitKind.LINEAR
        }

    def learn(self, wanted: Iterable[str]) -> bool:
        """Probe those tensors, in their order, as far as number and time allow; tell whether any was new."""
        before = len(self._known)
        for tensor in wanted:
            if tensor in self._known or tensor not in self._graph.ranges or len(self._known) >= self._most:
                continue
            try:
                self._known[tensor] = min(self._probe(tensor), _LARGEST)
            except NoTime:
                self._most = len(self._known)
        return len(self._known) > before

    def errors(self) -> Errors:
        """Return all errors; a tensor without a probe has none, and the median once no probe is left."""
        spent = self._known and len(self._known) >= self._most
        rest = float(np.median(list(self._known.values()))) if spent else 0.0
        units = self._graph.units
        tensors = {name: self._known.get(name, rest) for name in units.tensors()}
        weights, dynamic = dict[str, float](), dict[str, float]()
        for unit in units.units:
            if unit.kind is UnitKind.HARD_SWISH:
                weights[unit.name] = _GATE * tensors[unit.inputs[0]]
            if unit.kind is UnitKind.LINEAR:
                weights[unit.name] = self._rounding[unit.name] * self._sensitivity(unit.output, rest)
            if unit.dynamic:
                dynamic[unit.name] = weights[unit.name] + tensors.get(unit.first.input[0], 0.0)
        return Errors(tensors, weights, dynamic)

    def _sensitivity(self, tensor: str, rest: float) -> float:
        """Return the error of the outputs for a relative error of one of a tensor, taken to be small."""
        if tensor not in self._graph.ranges:
            return 0.0
        step = Scale.of(*self._graph.ranges[tensor]).step
        noise = step**2 / 12 / max(self._tensors.squares.get(tensor, 0.0), _TINY)
        return self._known.get(tensor, rest) / max(noise, _TINY)

    def _weight_noise(self, unit: Unit) -> float:
        """Return the squared error of rounded weights, relative to their squares."""
        weights = self._graph.network.constant(unit.first, 1)
        if weights is None:
            return 0.0
        axis = channel_axis(unit.first)
        rounded = quantised(weights, axis, 8)
        shape = [1] * weights.ndim
        shape[axis] = -1
        noise = np.square(rounded.values * rounded.steps.reshape(shape) - weights, dtype=np.float64).sum()
        return float(noise / max(np.square(weights, dtype=np.float64).sum(), _TINY))
