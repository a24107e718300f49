"""Rows as tensors, and what the tensors of an output hold."""

from typing import Literal

import torch
from torch import Tensor

from inc_mlflow.arrays import Arrays

OutputKind = Literal["values", "classes", "logarithms", "binary"]
"""What an output holds: numbers, probabilities of classes or their logarithms, or of each value by itself."""


def tensors_of(inputs: Arrays) -> dict[str, Tensor]:
    """Return arrays as tensors."""
    return {name: torch.from_numpy(array.copy()) for name, array in inputs.items()}
