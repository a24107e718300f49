"""Zeros and sizes: of a module in memory, and as counted in the file that it was exported to."""

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from inc_mlflow.errors import ModelError
from inc_mlflow.records.stages import PrunedLayer
from inc_mlflow.sources.pytorch.changed import WEIGHTS
from inc_mlflow.training.prune.options import REMOVED, Prune
from inc_mlflow.training.prune.patterns import UnitPattern, as_matrix


def packed_size(module: nn.Module) -> int:
    """Return the bytes of all parameters, packed by zlib as fast as it can."""
    return sum(len(zlib.compress(one.detach().numpy().tobytes(), 1)) for one in module.parameters())


def layer_facts(name: str, weight: Tensor) -> PrunedLayer:
    """Count the zeros of a layer's weights."""
    return PrunedLayer(name=name, weights=weight.numel(), zeros=int((weight == 0).sum()))


def counted_layers(
    recipe: Prune, layers: Sequence[PrunedLayer], folder: Path, exported: Sequence[np.ndarray]
) -> tuple[PrunedLayer, ...]:
    """Return the layers with the zeros that their weights have in the exported file.

    A layer is known there by its shape and the places of its zeros, which scaling by a folded normalisation
    keeps. Raises ModelError where one is not there, or has zeros out of the pattern.
    """
    from safetensors.torch import load_file

    state = load_file(folder / WEIGHTS)
    there = {_key(array == 0) for array in exported}
    found = []
    for layer in layers:
        weight = state[f"{layer.name}.weight"]
        if _key((weight == 0).numpy()) not in there:
            raise ModelError(
                f"layer {layer.name!r}: its weights are not in the exported file as they were made"
            )
        if recipe.pattern not in REMOVED:
            _check_pattern(layer.name, weight, UnitPattern.named(recipe.pattern))
        found.append(layer_facts(layer.name, weight))
    return tuple(found)


def _key(zeros: np.ndarray) -> tuple[tuple[int, ...], bytes]:
    return zeros.shape, np.packbits(zeros).tobytes()


def _check_pattern(name: str, weight: Tensor, pattern: UnitPattern) -> None:
    """Raise ModelError where a unit is neither whole nor pruned."""
    counts = pattern.unit_scores((as_matrix(weight) == 0).to(torch.float64))
    allowed = {0.0, float(pattern.block)} if pattern.group == 1 else None
    if allowed is not None and not set(counts.flatten().tolist()) <= allowed:
        raise ModelError(f"layer {name!r}: has zeros out of the pattern {pattern.name}")
    if allowed is None and not bool((_zeros_of_groups(weight, pattern) >= pattern.zeros).all()):
        raise ModelError(f"layer {name!r}: has groups with fewer zeros than {pattern.name}")


def _zeros_of_groups(weight: Tensor, pattern: UnitPattern) -> Tensor:
    return (as_matrix(weight) == 0).reshape(len(weight), -1, pattern.group).sum(2)
