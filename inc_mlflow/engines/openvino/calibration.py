"""Statistics of a baseline: those of its graph, which the default engine collects."""

import tempfile
import zipfile
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import Calibrator, Statistics
from inc_mlflow.engines.openvino.graph import graph_engine, graph_of
from inc_mlflow.engines.openvino.model_folder import read_ir
from inc_mlflow.errors import ModelError, StateError
from inc_mlflow.files import model_sha256

_ABOUT, _GRAPH = "model_sha256", "graph"
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time of all entries, so that equal statistics give equal bytes."""


@dataclass(frozen=True)
class GraphStatistics:
    """The statistics of a baseline's graph."""

    model_sha256: str
    graph: Statistics

    @property
    def rows(self) -> int:
        """Number of calibration rows."""
        return self.graph.rows

    def __len__(self) -> int:
        return len(self.graph)

    def merge(self, other: Self) -> Self:
        """Return the statistics of both passes; raise ModelError where they are of different models."""
        if self.model_sha256 != other.model_sha256:
            raise ModelError("statistics of different models cannot be merged; calibrate again")
        return type(self)(self.model_sha256, self.graph.merge(other.graph))

    def save(self, path: Path) -> None:
        """Write an archive with the graph's statistics and the digest of the baseline."""
        with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path, "w") as archive:
            file = Path(folder) / _GRAPH
            self.graph.save(file)
            archive.writestr(zipfile.ZipInfo(_ABOUT, _EPOCH), self.model_sha256)
            archive.writestr(zipfile.ZipInfo(_GRAPH, _EPOCH), file.read_bytes(), zipfile.ZIP_DEFLATED)


class GraphCalibrator:
    """Runs calibration rows through the graph of a baseline."""

    file = "graph.zip"

    def __init__(self) -> None:
        self.kinds = _calibrator().kinds

    def collect(
        self, model: Path, batches: Iterable[Arrays], kinds: Collection[str], threads: int
    ) -> GraphStatistics:
        """Run the batches once; raise ModelError where the graph does not run, or gives NaN."""
        graph = graph_of(model, read_ir(model)[1].graph_sha256)
        return GraphStatistics(model_sha256(model), _calibrator().collect(graph, batches, kinds, threads))

    def load(self, path: Path) -> GraphStatistics:
        """Read what ``save`` wrote; raise StateError for any other file."""
        try:
            with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as archive:
                file = Path(folder) / _GRAPH
                file.write_bytes(archive.read(_GRAPH))
                return GraphStatistics(archive.read(_ABOUT).decode(), _calibrator().load(file))
        except (OSError, zipfile.BadZipFile, KeyError, UnicodeDecodeError) as error:
            raise StateError(f"{path}: holds no statistics of a graph; calibrate again") from error


def _calibrator() -> Calibrator:
    found = graph_engine().calibrator
    if found is None:
        raise TypeError("the default engine has no calibrator")
    return found
