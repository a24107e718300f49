"""What a stage of a chain made of the source's module."""

from typing import Annotated, Any

from pydantic import Field

from inc_mlflow.records.base import Frozen, Line
from inc_mlflow.records.training import TrainingFacts


class PrunedLayer(Frozen):
    """Weights of one layer, and how many of them are zero."""

    name: Line
    weights: int
    zeros: int


class PruningFacts(Frozen):
    """What pruning made zero or removed; zeros are counted in the exported file."""

    pattern: str
    layers: Annotated[tuple[PrunedLayer, ...], Field(strict=False)]
    """The layers that were pruned; those of removed channels have no zeros."""
    parameters_before: int
    parameters_after: int
    compressed: float
    """Size of the packed weights (zlib), relative to those of the dense module."""

    @property
    def sparsity(self) -> float:
        """Share of zeros among the weights of the layers."""
        weights = sum(layer.weights for layer in self.layers)
        return self.zeros / weights if weights else 0.0

    @property
    def zeros(self) -> int:
        """Zeros of all layers together."""
        return sum(layer.zeros for layer in self.layers)


class DistillationFacts(Frozen):
    """Student and teacher beside each other."""

    parameters_of_teacher: int
    parameters_of_student: int
    score_of_teacher: float
    """On tuning, higher is better: what the student's epochs are read beside."""
    layers: int
    """How many layers inside the student learned from the teacher's."""


class StageFacts(Frozen):
    """One stage: what it began with, how it trained, and what it made."""

    number: int = 0
    """Of the job's stages, from 1."""
    recipe: dict[str, Any]
    label: Line
    source: dict[str, Any]
    """The source whose module was changed; weights that a stage made are not part of it."""
    training: TrainingFacts
    pruning: Annotated[PruningFacts | None, Field(exclude_if=lambda facts: facts is None)] = None
    distillation: Annotated[DistillationFacts | None, Field(exclude_if=lambda facts: facts is None)] = None
