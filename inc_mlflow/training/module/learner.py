"""A module as what is trained, with a teacher's outputs for all rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from inc_mlflow.arrays import Arrays
from inc_mlflow.training.learner import Learner
from inc_mlflow.training.losses import Objective, OwnLoss
from inc_mlflow.training.module.network import ModuleNetwork
from inc_mlflow.training.processes import present_processes
from inc_mlflow.training.rows import TrainingRows
from inc_mlflow.training.tensors import tensors_of

_SEEDS = 1_000_003
"""A prime above any number of steps within one seed's use."""


class ModuleLearner(Learner):
    """Trains all floats of a module; ``teacher`` has the outputs of all training rows."""

    def __init__(
        self,
        network: ModuleNetwork,
        objective: Objective | OwnLoss,
        rows: TrainingRows,
        teacher: Arrays,
        seed: int,
    ) -> None:
        self.module = network.module.requires_grad_(True)
        super().__init__([one for one in self.module.parameters() if one.is_floating_point()])
        self._network, self._objective, self._rows, self._teacher = network, objective, rows, teacher
        self._seed = seed

    def loss(self, positions: np.ndarray) -> Tensor:
        """Return the loss of some rows; without gradients as the module computes when it is used."""
        self.module.train(torch.is_grad_enabled())
        inputs, labels = self._rows.at(positions)
        found = self._network(tensors_of(inputs), self._objective.wanted)
        return self._objective(found, labels, {name: one[positions] for name, one in self._teacher.items()})

    def begin_step(self, step: int | None) -> None:
        """Let what a step draws, as dropout does, depend on its number alone: a killed training goes on.

        Processes that share a step draw differently, as their rows do.
        """
        number, processes = 0 if step is None else step + 1, present_processes()
        torch.manual_seed((self._seed * _SEEDS + number) * processes.number + processes.rank)

    def buffers(self) -> Sequence[Tensor]:
        """Return the module's buffers of floats."""
        return [one for one in self.module.buffers() if one.is_floating_point()]

    def state(self) -> dict[str, Any]:
        """Return the module's buffers, as the running means of a normalisation."""
        return {"buffers": {name: one.detach().clone() for name, one in self.module.named_buffers()}}

    def load_state(self, state: dict[str, Any]) -> None:
        """Set the buffers."""
        buffers = dict(self.module.named_buffers())
        with torch.no_grad():
            for name, value in state["buffers"].items():
                buffers[name].copy_(value)
