"""How far a training has come: what its checkpoints hold beside the tensors."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from inc_mlflow.engines.trainable import TuningOutcome


@dataclass
class TrainingProgress:
    """What a checkpoint holds beside the tensors."""

    step: int = 0
    rate: float = 0.0
    losses: list[float] = field(default_factory=list)
    """Of the steps of this epoch."""
    points: list[dict[str, Any]] = field(default_factory=list)
    outcomes: list[tuple[list[float], list[float]]] = field(default_factory=list)
    """Scores and distances of each epoch, the start's first."""

    def tuned(self) -> list[TuningOutcome]:
        """Return the outcome of each epoch on tuning."""
        return [TuningOutcome(np.array(scores), np.array(far)) for scores, far in self.outcomes]
