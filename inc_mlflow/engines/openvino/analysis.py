"""What can be said about a model of OpenVINO: its own counters, and what its graph shows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.analysis import Analysis
from inc_mlflow.engines.openvino.graph import graph_engine, graph_of
from inc_mlflow.errors import ModelError
from inc_mlflow.records import SaturationReport, Slow

_BASELINE = "baseline"


class OpenVinoAnalysis:
    """Profiles by OpenVINO's counters; OpenVINO gives no values from inside a model."""

    def explain(
        self, baseline: Path, slow: Mapping[str, Path], batches: Sequence[Arrays], passes: int
    ) -> dict[str, Slow]:
        """Return by label where the time of slow models goes; raise ModelError where one does not run."""
        from inc_mlflow.engines.openvino.explain import explain
        from inc_mlflow.engines.openvino.profile import profile

        profiles = profile({_BASELINE: baseline, **slow}, batches, passes)
        return {label: explain(profiles[_BASELINE], profiles[label]) for label in slow}

    def slower_nodes(
        self, baseline: Path, candidate: Path, batches: Sequence[Arrays], passes: int
    ) -> list[str]:
        """Name none: nodes of a compiled model have no certain node of the graph."""
        return []

    def node_errors(self, baseline: Path, candidate: Path, batches: Iterable[Arrays]) -> dict[str, float]:
        """Name none."""
        return {}

    def first_departure(self, baseline: Path, candidate: Path, rows: Iterable[Arrays]) -> str | None:
        """Name none."""
        return None

    def tensor_values(self, model: Path, rows: Iterable[Arrays], names: Sequence[str]) -> Iterator[Arrays]:
        """Yield values from inside a graph, as the default engine computes them."""
        return _of_graph().tensor_values(model, rows, names)

    def selected_outputs(self, baseline: Path) -> frozenset[str]:
        """Return those of the graph."""
        from inc_mlflow.engines.openvino.model_folder import read_ir

        return _of_graph().selected_outputs(graph_of(baseline, read_ir(baseline)[1].graph_sha256))

    def layer_weights(self, model: Path) -> Iterator[np.ndarray]:
        """Yield those of a graph."""
        return _of_graph().layer_weights(model)

    def saturation(
        self, model: Path, rows: Iterable[Arrays], threads: int, most: int | None
    ) -> SaturationReport:
        """Raise ModelError: an IR does not say which layers saturate."""
        raise ModelError(
            f"{model}: saturation is predicted on ONNX files; give the candidate of another engine"
        )


def _of_graph() -> Analysis:
    found = graph_engine().analysis
    if found is None:
        raise TypeError("the default engine has no analysis")
    return found
