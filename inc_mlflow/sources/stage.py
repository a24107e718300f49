"""The role of a method that changes a framework's module before the import: what it makes is a new source."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import LoadedModel
from inc_mlflow.engines.trainable import TuningOutcome
from inc_mlflow.records.stages import StageFacts
from inc_mlflow.spec import SourceSpec
from inc_mlflow.spec.training import TrainingSpec


@dataclass(frozen=True)
class StageData:
    """What a stage begins with, and what it may use."""

    source: SourceSpec
    """What it changes."""
    dense: SourceSpec
    """The source of the job."""
    root: Path
    rows: Callable[[], Iterator[tuple[Arrays, np.ndarray | None]]]
    """A pass over the training split: batches of inputs and labels."""
    fixed_batch: int | None
    """How many rows the module takes at a time; None where it takes any number."""
    spec: TrainingSpec
    loss: Callable[..., Any] | None
    """The user's function, where the job names one."""
    output: str | None
    """The output that the metric reads; None where it is the first one."""
    score: Callable[[LoadedModel], TuningOutcome]
    state: Path
    """Folder for checkpoints, which outlives a kill where anything does."""


class StageMethod(Protocol):
    """Changes a module; it may know the framework."""

    def check(self, recipe: Any) -> None:
        """Raise ModelError where the options name something the method cannot do. This needs no model."""
        ...

    def train(self, recipe: Any, data: StageData, folder: Path) -> StageFacts:
        """Write the changed module into ``folder``, for ``SourceSpec.changed``; equal inputs, equal bytes.

        Raises ModelError where the module cannot be changed so, DataError where rows or labels do not fit.
        """
        ...

    def check_exported(
        self, recipe: Any, facts: StageFacts, folder: Path, weights: Sequence[np.ndarray]
    ) -> StageFacts:
        """Return the facts as counted in the exported file, whose layers have ``weights``.

        Those are (outputs, inputs, *kernel). Raises ModelError where the file is not what was made.
        """
        ...
