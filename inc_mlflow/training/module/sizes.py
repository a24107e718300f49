"""How large a module is."""

from torch import nn


def parameters(module: nn.Module) -> int:
    """Return the number of a module's parameters."""
    return sum(one.numel() for one in module.parameters())
