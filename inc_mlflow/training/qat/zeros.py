"""Weights that a stage before has made zero: they stay so in training, and are counted in the file."""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from inc_mlflow.engines.trainable import TrainableGraph
from inc_mlflow.errors import ModelError
from inc_mlflow.training.qat.rounding import WeightParameter


class HeldZeros:
    """The zeros of a candidate's layers before it is trained; ``count`` is how many the stage has placed.

    Where it has placed none, none are held: such as there are by chance may move.
    """

    def __init__(self, graph: TrainableGraph, parameters: Mapping[str, WeightParameter], count: int) -> None:
        self._count = count
        layers = {name: one for name, one in graph.weights.items() if one.layer} if count else {}
        self._zeros = {name: torch.from_numpy(one.values == 0) for name, one in layers.items()}
        self._weights: dict[str, Tensor] = {name: parameters[name].value for name in layers}

    def apply(self) -> None:
        """Make them zero again behind a step."""
        with torch.no_grad():
            for name, zeros in self._zeros.items():
                self._weights[name].masked_fill_(zeros, 0.0)

    def counted(self, written: TrainableGraph, others: Iterable[np.ndarray]) -> int | None:
        """Return how many weights of layers are zero in a file; None where the stage has placed none.

        ``written`` is the file's graph, ``others`` are weights of layers that it does not round. Raises
        ModelError where one that was zero is none, or there are fewer than were placed.
        """
        if not self._count:
            return None
        for name, zeros in self._zeros.items():
            if (written.weights[name].values[zeros.numpy()] != 0).any():
                raise ModelError(f"training: weights of {name!r} that were pruned are not zero in the file")
        rounded = sum(int((written.weights[name].values == 0).sum()) for name in self._zeros)
        found = rounded + sum(int((one == 0).sum()) for one in others)
        if found < self._count:
            raise ModelError(
                f"training: {found} weights are zero in the file, and pruning had made {self._count} so; "
                "start from a recipe that keeps them"
            )
        return found
