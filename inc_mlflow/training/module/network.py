"""A user's module as a network whose outputs a loss can read."""

from collections.abc import Collection, Mapping

import numpy as np
import torch
from torch import Tensor

from inc_mlflow import progress
from inc_mlflow.arrays import Arrays
from inc_mlflow.sources.pytorch.source import OpenedModule
from inc_mlflow.training.tensors import OutputKind, tensors_of

_LEAST = 1e-6
"""Probabilities this close to 0 or 1 count as that."""
_CLOSE = 1e-3
"""Sums of probabilities may be off by this."""
_LOGITS = "logits of "
_BATCH = 256
"""Rows at a time where a module takes any number."""


class ModuleNetwork:
    """Runs a module; ``sample`` are some of its outputs, which tell values from probabilities."""

    def __init__(self, opened: OpenedModule, sample: Arrays) -> None:
        self.module = opened.module
        self._opened = opened
        self.output_tensors = {name: name for name in sample}
        self._kinds = {name: _kind(values) for name, values in sample.items()}

    def __call__(self, inputs: Mapping[str, Tensor], wanted: Collection[str]) -> dict[str, Tensor]:
        """Return the wanted tensors of one batch."""
        found = self._opened.call(inputs)
        for name in [name for name in found if f"{_LOGITS}{name}" in wanted]:
            sure = found[name].clamp(_LEAST, 1 - _LEAST)
            found[f"{_LOGITS}{name}"] = sure.logit() if self._kinds[name] == "binary" else sure.log()
        return {name: found[name] for name in wanted}

    def before_probabilities(self, output: str) -> tuple[str, OutputKind]:
        """Return the tensor that the loss of an output reads, and what the output makes of it."""
        kind = self._kinds[output]
        return (f"{_LOGITS}{output}" if kind in ("classes", "binary") else output), kind


def module_outputs(opened: OpenedModule, inputs: Arrays, piece: int | None) -> Arrays:
    """Return all outputs of some rows, in eval mode; ``piece`` rows at a time where the module needs that.

    There are at least ``piece`` rows.
    """
    opened.module.eval()
    rows, size = len(next(iter(inputs.values()))), piece or _BATCH
    parts = []
    firsts = range(0, rows, size)
    for first in progress.track(firsts, "compute outputs", len(firsts)):
        at = max(0, rows - size) if piece else first  # the last piece is whole as well
        batch = {name: array[min(at, first) : min(at, first) + size] for name, array in inputs.items()}
        with torch.no_grad():
            found = opened.call(tensors_of(batch))
        skipped = first - min(at, first)
        parts.append({name: value.numpy()[skipped:] for name, value in found.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _kind(sample: np.ndarray) -> OutputKind:
    """Tell probabilities from other numbers by their values."""
    if sample.dtype.kind != "f" or not sample.size:
        return "values"
    within = bool(sample.min() >= 0 and sample.max() <= 1)
    if sample.ndim > 1 and sample.shape[1] > 1:
        if within and np.abs(sample.sum(1) - 1).max() < _CLOSE:
            return "classes"
        if sample.max() <= 0 and np.abs(np.exp(sample).sum(1) - 1).max() < _CLOSE:
            return "logarithms"
    return "binary" if within else "values"
