"""How much a weight matters: by its size, or by what its loss would cost to the first order."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

_MOMENTUM = 0.9
"""Share of what was known before, as published with SNIP-momentum."""


class WeightScores:
    """Scores of the weights of some layers; those by gradients gather what each step shows.

    - ``magnitude``: |w|
    - ``snip_momentum``: |w dL/dw| (Lee et al., 2019), as a running sum in which the past counts 0.9
    - ``gradient``: |w| times the size of the mean gradient since weights became zero last: what the loss
      changes by without the weight, to the first order
    - ``group_lasso``: w², whose sum over a unit orders the units by their norm
    """

    def __init__(self, name: str, weights: Mapping[str, Tensor]) -> None:
        self._name, self._weights = name, weights
        self._gathered = {layer: torch.zeros_like(weight) for layer, weight in weights.items()}

    def observe(self) -> None:
        """Read the gradients of a step, before it is taken."""
        with torch.no_grad():
            for layer, weight in self._weights.items():
                gradient = torch.zeros_like(weight) if weight.grad is None else weight.grad
                if self._name == "snip_momentum":
                    self._gathered[layer].mul_(_MOMENTUM).add_((weight * gradient).abs())
                elif self._name == "gradient":
                    self._gathered[layer].add_(gradient)

    def now(self) -> dict[str, Tensor]:
        """Return the scores; what gathers since weights became zero last begins anew."""
        with torch.no_grad():
            found = {
                layer: _SCORES[self._name](self._weights[layer], one) for layer, one in self._gathered.items()
            }
        if self._name == "gradient":
            for one in self._gathered.values():
                one.zero_()
        return found

    @property
    def has_gradients(self) -> bool:
        """Whether it needs gradients."""
        return self._name in ("snip_momentum", "gradient")

    def state(self) -> dict[str, Any]:
        """Return what has been gathered."""
        return {layer: one.clone() for layer, one in self._gathered.items()}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Go on from what ``state`` returned."""
        for layer, one in state.items():
            self._gathered[layer].copy_(one)


_SCORES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "magnitude": lambda weight, _: weight.detach().abs(),
    "snip_momentum": lambda _, gathered: gathered.clone(),
    "gradient": lambda weight, gathered: (weight.detach() * gathered).abs(),
    "group_lasso": lambda weight, _: weight.detach() ** 2,
}
