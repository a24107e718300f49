"""A module in training while more and more of its weights become zero."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from inc_mlflow.arrays import Arrays
from inc_mlflow.training.losses import Objective, OwnLoss
from inc_mlflow.training.module.learner import ModuleLearner
from inc_mlflow.training.module.network import ModuleNetwork
from inc_mlflow.training.prune.masks import Masks
from inc_mlflow.training.prune.patterns import UnitPattern, as_matrix, as_weight
from inc_mlflow.training.prune.schedule import CubicSchedule
from inc_mlflow.training.prune.scores import WeightScores
from inc_mlflow.training.rows import TrainingRows

_TINY = 1e-12
"""Norms below it are no longer made smaller."""


@dataclass(frozen=True)
class Pruning:
    """What is pruned, when and by what."""

    weights: Mapping[str, Tensor]
    """Of layers, by their names."""
    masks: Masks
    scores: WeightScores
    schedule: CubicSchedule
    lasso: tuple[UnitPattern, float] | None
    """Units, and the weight of the sum of their norms; None where norms are not made smaller."""


class PruningLearner(ModuleLearner):
    """Adds masks to a module in training; behind the schedule they are frozen."""

    repairs = True

    def __init__(
        self,
        network: ModuleNetwork,
        objective: Objective | OwnLoss,
        rows: TrainingRows,
        teacher: Arrays,
        seed: int,
        pruning: Pruning,
    ) -> None:
        super().__init__(network, objective, rows, teacher, seed)
        self._weights, self._masks, self._scores = pruning.weights, pruning.masks, pruning.scores
        self._schedule, self._lasso = pruning.schedule, pruning.lasso

    def begin_trial(self) -> None:
        """Make all zeros at once, by size, so that a trial shows which rate mends best."""
        by_size = {layer: weight.detach().abs() for layer, weight in self._weights.items()}
        self._masks.extend(by_size, 1.0)
        self._masks.apply()

    def before_update(self, step: int | None) -> None:
        """Read the gradients, and prune where the schedule says so."""
        if step is None or step > self._schedule.last:
            return
        self._scores.observe()
        if self._lasso is not None:
            self._shrink(*self._lasso)
        if self._schedule.is_due(step):
            self._masks.extend(self._scores.now(), self._schedule.reached(step))

    def after_update(self, step: int | None) -> None:
        """Keep zeros zero."""
        self._masks.apply()

    def state(self) -> dict[str, Any]:
        """Return buffers, masks and what scores have gathered."""
        return {**super().state(), "masks": self._masks.state(), "scores": self._scores.state()}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what ``state`` returned."""
        super().load_state(state)
        self._masks.load_state(state["masks"])
        self._scores.load_state(state["scores"])

    def _shrink(self, pattern: UnitPattern, weight: float) -> None:
        """Add the gradient of the sum of the units' norms, times ``weight``."""
        with torch.no_grad():
            for one in self._weights.values():
                matrix = as_matrix(one.detach())
                norms = pattern.norms(matrix).clamp_min(_TINY)
                if one.grad is not None:
                    one.grad.add_(as_weight(matrix / norms, one.shape), alpha=weight)
