"""A student in training whose layers learn from the teacher's, too."""

import numpy as np
from torch import Tensor

from inc_mlflow.arrays import Arrays
from inc_mlflow.sources.pytorch.layers import layer_values
from inc_mlflow.training.distill.layers import MatchedLayers
from inc_mlflow.training.losses import Objective, OwnLoss
from inc_mlflow.training.module.learner import ModuleLearner
from inc_mlflow.training.module.network import ModuleNetwork
from inc_mlflow.training.rows import TrainingRows
from inc_mlflow.training.tensors import tensors_of


class LayeredLearner(ModuleLearner):
    """Adds the distance of layers to the loss, and their projections to what is trained."""

    def __init__(
        self,
        network: ModuleNetwork,
        objective: Objective | OwnLoss,
        rows: TrainingRows,
        teacher: Arrays,
        seed: int,
        layers: MatchedLayers,
        weight: float,
    ) -> None:
        super().__init__(network, objective, rows, teacher, seed)
        self._inputs, self._layers, self._weight = rows, layers, weight
        self.tensors += layers.tensors

    def loss(self, positions: np.ndarray) -> Tensor:
        """Return the loss of some rows with that of the layers."""
        with layer_values(self.module, self._layers.student_paths) as values:
            loss = super().loss(positions)
        inputs, _ = self._inputs.at(positions)
        return loss + self._weight * self._layers.distance(values, tensors_of(inputs))
