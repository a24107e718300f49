"""The module whose weights train.py trains; trained.yaml names both."""

import torch
from torch import nn


def build() -> tuple[nn.Module, tuple[torch.Tensor]]:
    """Return the module and an example of its input, which the module calls ``input``."""
    layers = [nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 64, 10)), (torch.zeros(1, 1, 8, 8),)
