"""Models of assignments, built and measured: profiles in turns, units without integer kernel, errors."""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.analysis.profile import profile
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL, read_structure, with_outputs
from inc_mlflow.engines.onnxruntime.graph.network import save_beside
from inc_mlflow.engines.onnxruntime.mixed.effort import Effort
from inc_mlflow.engines.onnxruntime.mixed.kernels import computed_in_float
from inc_mlflow.engines.onnxruntime.mixed.observation import observed
from inc_mlflow.engines.onnxruntime.mixed.probes import compared_tensors, relative_squares
from inc_mlflow.engines.onnxruntime.mixed.unit_graph import UnitGraph
from inc_mlflow.engines.onnxruntime.mixed.writer import Assignment, write_mixed
from inc_mlflow.engines.onnxruntime.runtime.call_timeout import TimedSession
from inc_mlflow.engines.onnxruntime.runtime.rows import row_axes
from inc_mlflow.engines.onnxruntime.runtime.session import open_file, open_proto, options

_BASELINE = "baseline"


class ProfiledModels:
    """Measures assignments on ``batches`` as to time, and on calibration ``rows`` as to error."""

    def __init__(
        self,
        graph: UnitGraph,
        baseline: Path,
        rows: Sequence[Arrays],
        batches: Sequence[Arrays],
        effort: Effort,
    ) -> None:
        self._graph, self._baseline = graph, baseline
        self._rows, self._batches, self._passes = rows, batches[: effort.batches], effort.passes
        self._reference: list[list[np.ndarray]] = []

    def measured(self, assignments: Sequence[Assignment]) -> dict[str, Any]:
        """Return plain data: an observation of the baseline, and of each model with its error and ``floats``.

        These are the names of units in INT8 that ONNX Runtime computes in FP32 all the same. Raises
        ModelError where a model does not run.
        """
        graph = self._graph
        with tempfile.TemporaryDirectory() as folder:
            paths = {_BASELINE: self._baseline}
            for number, assignment in enumerate(assignments):
                place = Path(folder) / str(number)
                place.mkdir()
                paths[str(number)] = self._write(assignment, place)
            profiles = profile(paths, self._batches, self._passes)
            errors = [self._error(paths[str(number)]) for number in range(len(assignments))]
        baseline = observed(graph, Assignment(), profiles.pop(_BASELINE))
        models, floats = [], []
        for assignment, found in zip(assignments, profiles.values(), strict=True):
            models.append(asdict(observed(graph, assignment, found)))
            int8 = [unit for unit in graph.units.units if unit.name in assignment.int8]
            floats.append([unit.name for unit in computed_in_float(found.graph, int8)])
        return {"baseline": asdict(baseline), "models": models, "errors": errors, "floats": floats}

    def _write(self, assignment: Assignment, folder: Path) -> Path:
        path, graph = folder / MODEL, self._graph
        save_beside(write_mixed(graph.network, graph.units, graph.ranges, assignment), self._baseline, path)
        return path

    def _error(self, model: Path) -> float:
        if not self._reference:
            self._reference = self._outputs(self._baseline)
        return relative_squares(self._reference, self._outputs(model))

    def _outputs(self, path: Path) -> list[list[np.ndarray]]:
        """Return the compared tensors of each row."""
        graph = self._graph.network.model.graph
        names = compared_tensors(self._graph.network.model)
        if set(names) <= {value.name for value in graph.output}:
            session = open_file(path, options(1))
        else:
            session = open_proto(with_outputs(read_structure(path), names), path.parent, options(1))
        timed, axes = TimedSession(session, path), row_axes(session, inside=True)
        return [timed.run(names, axes.fed(row), "calibration rows") for row in self._rows]
