"""Which units are pruned: exactly as many as asked, those that cost least."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

_KEPT = 0.02
"""A layer keeps at least this share of its units, those that matter most."""


def chosen_units(
    costs: Sequence[Tensor], pruned: Sequence[Tensor], share: float, balanced: bool
) -> list[Tensor]:
    """Return for each layer which units are pruned, as booleans in the shape of its costs.

    ``pruned`` are those already pruned, which stay so. ``balanced`` takes the share of each layer, else it is
    that of all together. Of equal costs the first unit goes.
    """
    ranked = [torch.where(done, -torch.inf, cost.double()) for cost, done in zip(costs, pruned, strict=True)]
    if balanced:
        return [_lowest(one.flatten(), round(share * one.numel())).reshape(one.shape) for one in ranked]
    flat = torch.cat([_with_kept(one.flatten()) for one in ranked])
    chosen = _lowest(flat, round(share * flat.numel()))
    parts = torch.split(chosen, [one.numel() for one in ranked])
    return [part.reshape(one.shape) for part, one in zip(parts, ranked, strict=True)]


def in_multiples(costs: Tensor, gone: Tensor, multiple: int) -> Tensor:
    """Return fewer of the units that are ``gone``, so that what is left is a multiple; the dearest come back.

    Where there are fewer units than that all are left.
    """
    kept = len(gone) - int(gone.sum())
    wanted = min(len(gone), math.ceil(kept / multiple) * multiple)
    ranked = torch.where(gone, costs.double(), torch.inf)
    return _lowest(ranked, len(gone) - wanted)


def _with_kept(costs: Tensor) -> Tensor:
    """Raise what a layer must keep above all other costs."""
    kept = costs.sort(descending=True, stable=True).indices[: math.ceil(_KEPT * costs.numel())]
    return costs.index_fill(0, kept, torch.inf)


def _lowest(costs: Tensor, count: int) -> Tensor:
    lowest = costs.sort(stable=True).indices[:count]
    return torch.zeros_like(costs, dtype=torch.bool).index_fill_(0, lowest, True)
