"""The part of an engine's role that says why a candidate is slow or wrong."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.records import SaturationReport, Slow


class Analysis(Protocol):
    """Why a candidate is slow or wrong."""

    def explain(
        self, baseline: Path, slow: Mapping[str, Path], batches: Sequence[Arrays], passes: int
    ) -> dict[str, Slow]:
        """Profile the baseline and the slow models; return by label where the time of each goes.

        Raises ModelError where a model does not run.
        """
        ...

    def slower_nodes(
        self, baseline: Path, candidate: Path, batches: Sequence[Arrays], passes: int
    ) -> list[str]:
        """Return the baseline's nodes that are not faster in the candidate, the slowest first."""
        ...

    def node_errors(self, baseline: Path, candidate: Path, batches: Iterable[Arrays]) -> dict[str, float]:
        """Return the noise that each node adds, relative to the mean square of its output, largest first."""
        ...

    def first_departure(self, baseline: Path, candidate: Path, rows: Iterable[Arrays]) -> str | None:
        """Return the first of the baseline's nodes whose output is far from the candidate's.

        None where the engine cannot tell. Raises ModelError where a model does not run.
        """
        ...

    def tensor_values(self, model: Path, rows: Iterable[Arrays], names: Sequence[str]) -> Iterator[Arrays]:
        """Yield for each row the values of tensors inside a model, as its graph has them.

        Raises ModelError where the model does not run.
        """
        ...

    def selected_outputs(self, baseline: Path) -> frozenset[str]:
        """Return the outputs that choose or order by value, in which a near tie moves whole rows."""
        ...

    def layer_weights(self, model: Path) -> Iterator[np.ndarray]:
        """Yield the constant float weights of layers as (outputs, inputs, *kernel)."""
        ...

    def saturation(
        self, model: Path, rows: Iterable[Arrays], threads: int, most: int | None
    ) -> SaturationReport:
        """Predict on ``most`` rows (None: the default) which layers saturate on x86 CPUs without VNNI."""
        ...
