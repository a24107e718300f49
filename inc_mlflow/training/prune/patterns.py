"""What becomes zero together: blocks of several outputs, or some of each few inputs.

Weights are looked at as matrices (outputs, kernel places x inputs), with the inputs of one place side by
side: so that a pattern over inputs is one over the channels of a picture.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from inc_mlflow.errors import ModelError

_BLOCKS = {"unstructured": 1, "4x1": 4, "2x1": 2}
_GROUPS = {"2:4": (2, 4), "1:2": (1, 2)}


def as_matrix(weight: Tensor) -> Tensor:
    """Return weights (outputs, inputs, *kernel) as a matrix (outputs, places x inputs)."""
    return weight.movedim(1, -1).reshape(len(weight), -1)


def as_weight(matrix: Tensor, shape: torch.Size) -> Tensor:
    """Return a matrix in the shape of the weights that ``as_matrix`` took."""
    outputs, inputs, *kernel = shape
    return matrix.reshape(outputs, *kernel, inputs).movedim(-1, 1)


@dataclass(frozen=True)
class UnitPattern:
    """Divides a matrix into units, each of which is pruned at once or not at all."""

    name: str
    block: int
    """Outputs of a unit."""
    zeros: int
    """Weights of a group that become zero."""
    group: int
    """Neighbouring inputs of a unit."""

    @classmethod
    def named(cls, name: str) -> "UnitPattern":
        """Return the pattern of that name."""
        zeros, group = _GROUPS.get(name, (1, 1))
        return cls(name, _BLOCKS.get(name, 1), zeros, group)

    @property
    def share(self) -> float:
        """Share of a unit's weights that become zero."""
        return self.zeros / self.group

    def check(self, layer: str, shape: torch.Size, groups: int) -> None:
        """Raise ModelError where the pattern does not divide the weights of a layer."""
        outputs, inputs = shape[0] // groups, shape[1]
        if outputs % self.block:
            raise ModelError(
                f"layer {layer!r}: has {outputs} outputs{' in each group' if groups > 1 else ''}, which "
                f"{self.name} does not divide; name it in `excluded`"
            )
        if inputs % self.group:
            raise ModelError(
                f"layer {layer!r}: has {inputs} inputs{' in each group' if groups > 1 else ''}, which "
                f"{self.name} does not divide; name it in `excluded`"
            )

    def unit_scores(self, scores: Tensor) -> Tensor:
        """Return for each unit what its pruning costs; ``scores`` is a matrix (outputs, inputs)."""
        if self.group > 1:
            groups = scores.reshape(len(scores), -1, self.group)
            return groups.sort(dim=2).values[:, :, : self.zeros].sum(2)
        return scores.reshape(-1, self.block, scores.shape[1]).sum(1)

    def norms(self, matrix: Tensor) -> Tensor:
        """Return for each weight the norm of its unit, in the shape of the matrix; of groups its own size."""
        if self.group > 1:
            return matrix.abs()
        blocks = matrix.reshape(-1, self.block, matrix.shape[1])
        norms: Tensor = torch.linalg.vector_norm(blocks, dim=1)
        return norms.repeat_interleave(self.block, 0)

    def pruned(self, scores: Tensor, chosen: Tensor) -> Tensor:
        """Return which weights become zero where ``chosen`` units are pruned, in ``unit_scores``' shape."""
        if self.group > 1:
            groups = scores.reshape(len(scores), -1, self.group)
            lowest = groups.sort(dim=2, stable=True).indices[:, :, : self.zeros]
            zeros = torch.zeros_like(groups, dtype=torch.bool).scatter_(2, lowest, True)
            return (zeros & chosen[:, :, None]).reshape(scores.shape)
        whole: Tensor = chosen.repeat_interleave(self.block, 0)
        return whole
