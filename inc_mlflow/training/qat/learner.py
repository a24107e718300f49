"""A candidate's graph as what is trained, with the baseline as its teacher."""

from collections.abc import Callable

import numpy as np
from torch import Tensor

from inc_mlflow.arrays import Arrays
from inc_mlflow.training.learner import Learner
from inc_mlflow.training.losses import Objective, OwnLoss
from inc_mlflow.training.qat.network import TrainableNetwork
from inc_mlflow.training.qat.zeros import HeldZeros
from inc_mlflow.training.rows import TrainingRows
from inc_mlflow.training.tensors import tensors_of


class QatLearner(Learner):
    """Runs the graph with its roundings; ``teacher`` gives the baseline's outputs, ``zeros`` stay zero."""

    def __init__(
        self,
        network: TrainableNetwork,
        objective: Objective | OwnLoss,
        rows: TrainingRows,
        teacher: Callable[[Arrays], Arrays],
        zeros: HeldZeros,
    ) -> None:
        super().__init__(network.parameters.tensors())
        self._zeros = zeros
        self._network, self._objective, self._rows, self._teacher = network, objective, rows, teacher

    def loss(self, positions: np.ndarray) -> Tensor:
        """Return the loss of some rows."""
        inputs, labels = self._rows.at(positions)
        found = self._network(tensors_of(inputs), self._objective.wanted)
        return self._objective(found, labels, self._teacher(inputs))

    def after_update(self, step: int | None) -> None:
        """Keep what was pruned zero."""
        self._zeros.apply()
