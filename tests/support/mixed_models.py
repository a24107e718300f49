"""Mixed models made of small graphs: written, run beside their baseline, and looked into."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx

from inc_mlflow.engines.onnxruntime.calibration.collect import collect
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL
from inc_mlflow.engines.onnxruntime.graph.normalize import normalize
from inc_mlflow.engines.onnxruntime.mixed.kernels import optimised_graph, without_integer_kernel
from inc_mlflow.engines.onnxruntime.mixed.unit_graph import UnitGraph
from inc_mlflow.engines.onnxruntime.mixed.writer import Assignment, write_mixed
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner


@dataclass(frozen=True)
class Imported:
    """A baseline in a folder, its units and the rows that calibrated it."""

    folder: Path
    source: UnitGraph
    rows: list[dict[str, np.ndarray]]

    @classmethod
    def of(
        cls,
        graph: onnx.ModelProto,
        rows: list[dict[str, np.ndarray]],
        folder: Path,
        without: Collection[str] = (),
    ) -> "Imported":
        """Import a graph, without some of the rewrites, and calibrate it."""
        plain, baseline = folder / "source.onnx", folder / "baseline"
        baseline.mkdir()
        onnx.save(graph, plain)
        normalize(plain, baseline, without)
        ranges = collect(baseline / MODEL, rows, 1)
        return cls(folder, UnitGraph.of(baseline / MODEL, ranges, "minmax"), rows)

    def kinds(self) -> dict[str, str]:
        """Return the kind of each unit by name."""
        return {unit.name: unit.kind.value for unit in self.source.units.units}

    def write(self, assignment: Assignment) -> "Written":
        """Write a mixed model."""
        path = self.folder / MODEL
        onnx.save(write_mixed(self.source.network, self.source.units, self.source.ranges, assignment), path)
        return Written(self, path, assignment)

    def all_int8(self) -> "Written":
        """Write the model with every unit in INT8 that can be."""
        return self.write(Assignment(frozenset(unit.name for unit in self.source.able())))


@dataclass(frozen=True)
class Written:
    """A mixed model in its file."""

    imported: Imported
    path: Path
    assignment: Assignment

    def kernels(self) -> Counter[str]:
        """Count the operators that ONNX Runtime runs."""
        return Counter(node.op_type for node in optimised_graph(self.path).node)

    def floats(self) -> list[str]:
        """Return the names of units in INT8 without an integer kernel."""
        int8 = [one for one in self.imported.source.units.units if one.name in self.assignment.int8]
        return [unit.name for unit in without_integer_kernel(self.path, int8)]

    def errors(self) -> dict[str, float]:
        """Return the relative root mean square error of each float output."""
        baseline, candidate = Runner(self.imported.folder / "baseline" / MODEL, 1), Runner(self.path, 1)
        pairs = [(baseline(row), candidate(row)) for row in self.imported.rows]
        return {
            name: _relative([(a[name], b[name]) for a, b in pairs])
            for name in baseline.outputs
            if pairs[0][0][name].dtype.kind == "f" and pairs[0][0][name].size
        }


def _relative(pairs: list[tuple[np.ndarray, np.ndarray]]) -> float:
    a, b = (np.concatenate([np.ravel(pair[side]).astype(np.float64) for pair in pairs]) for side in (0, 1))
    return float(np.sqrt(np.mean((a - b) ** 2) / max(np.mean(a**2), 1e-30)))
