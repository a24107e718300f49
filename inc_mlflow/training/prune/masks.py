"""The weights that are zero, step by step; what is zero once stays so."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from inc_mlflow.training.prune.patterns import UnitPattern, as_matrix, as_weight
from inc_mlflow.training.prune.selection import chosen_units


class Masks:
    """Which weights of some layers are zero, in units of a pattern."""

    def __init__(
        self, pattern: UnitPattern, weights: Mapping[str, Tensor], sparsity: float, balanced: bool
    ) -> None:
        self._pattern, self._weights, self._balanced = pattern, weights, balanced
        self._share = sparsity / pattern.share
        self._zeros = {layer: torch.zeros_like(one, dtype=torch.bool) for layer, one in weights.items()}

    def extend(self, scores: Mapping[str, Tensor], reached: float) -> None:
        """Prune more units, up to a part of the whole share: those with the lowest scores."""
        matrices = [as_matrix(scores[layer]) for layer in self._zeros]
        zeros = [as_matrix(one) for one in self._zeros.values()]
        done = [self._done(one) for one in zeros]
        costs = [self._pattern.unit_scores(one) for one in matrices]
        chosen = chosen_units(costs, done, self._share * reached, self._balanced)
        for layer, matrix, old, before, units in zip(self._zeros, matrices, zeros, done, chosen, strict=True):
            new = old | self._pattern.pruned(matrix, units & ~before)
            self._zeros[layer] = as_weight(new, self._zeros[layer].shape)

    def apply(self) -> None:
        """Make the weights zero."""
        with torch.no_grad():
            for layer, zeros in self._zeros.items():
                self._weights[layer].masked_fill_(zeros, 0.0)

    def _done(self, zeros: Tensor) -> Tensor:
        """Return which units are pruned."""
        if self._pattern.group > 1:
            return zeros.reshape(len(zeros), -1, self._pattern.group).any(2)
        return zeros[:: self._pattern.block]

    def state(self) -> dict[str, Any]:
        """Return which weights are zero."""
        return {layer: one.clone() for layer, one in self._zeros.items()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what ``state`` returned."""
        self._zeros = {layer: one.clone() for layer, one in state.items()}
