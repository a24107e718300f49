"""Removes output channels of layers, with all that reads them, by torch-pruning's graph of dependencies."""

import copy
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from inc_mlflow.errors import ModelError
from inc_mlflow.sources.pytorch.source import OpenedModule
from inc_mlflow.sources.source import framework_call
from inc_mlflow.training.prune.layers import KINDS, is_named
from inc_mlflow.training.prune.options import Prune
from inc_mlflow.training.prune.selection import chosen_units, in_multiples

Example = Mapping[str, Tensor]


def remove_channels(
    opened: OpenedModule, recipe: Prune, scores: Mapping[str, Tensor], example: Example
) -> list[str]:
    """Remove the share of channels that the recipe says, and return the layers that became smaller.

    ``scores`` are those of all weights by layer. What cannot lose channels, as a layer that gives an output
    of the model, stays; each layer keeps a multiple of channels, rounded up. Raises ModelError where nothing
    is removed.
    """
    costs = dict(_removable(opened, recipe, scores, example))
    if not costs:
        raise ModelError(
            f"recipe {recipe.label()!r}: no layer can lose channels without a change of the model's outputs; "
            "name others in `layers`"
        )
    none = [torch.zeros_like(one, dtype=torch.bool) for one in costs.values()]
    chosen = chosen_units(list(costs.values()), none, recipe.sparsity, recipe.is_balanced)
    smaller = []
    for (name, each), lowest in zip(costs.items(), chosen, strict=True):
        gone = in_multiples(each, lowest, recipe.channel_multiple)
        places = torch.nonzero(gone).flatten().tolist()
        if places and len(places) < len(gone):
            with framework_call(f"layer {name!r}: its channels cannot be removed"):
                _group(opened, name, places, example).prune()
            smaller.append(name)
    if not smaller:
        raise ModelError(
            f"recipe {recipe.label()!r}: all layers keep their channels: none has so many that fewer are a "
            f"multiple of {recipe.channel_multiple}; give a smaller `multiple`"
        )
    return smaller


def _removable(
    opened: OpenedModule, recipe: Prune, scores: Mapping[str, Tensor], example: Example
) -> Iterator[tuple[str, Tensor]]:
    """Yield layer -> what each of its channels costs, for those that can lose some."""
    paths = {one: path for path, one in opened.module.named_modules()}
    seen: set[str] = set()
    for path in scores:
        if path in seen or not is_named(path, recipe):
            continue
        try:
            with framework_call(f"layer {path!r}: its dependencies are not known"):
                group = _group(opened, path, None, example)
        except ModelError:
            continue  # it has no channels that this graph knows
        coupled = {
            paths[item.dep.target.module]
            for item in group
            if item.dep.target.module in paths and _shrinks_outputs(group, item)
        }
        seen |= coupled
        layers = {one for one in coupled if isinstance(opened.module.get_submodule(one), KINDS)}
        if all(is_named(one, recipe) for one in layers) and _keeps_outputs(opened, path, example):
            yield path, _costs(group, paths, scores)


def _group(opened: OpenedModule, path: str, places: Sequence[int] | None, example: Example) -> Any:
    """Return all that goes with some output channels of a layer, all of them by default."""
    import torch_pruning

    layer = opened.module.get_submodule(path)
    with warnings.catch_warnings(action="ignore"):
        graph = torch_pruning.DependencyGraph().build_dependency(
            opened.module, example_inputs=example, forward_fn=opened.examples.call
        )
    pruner = graph.get_pruner_of_module(layer)
    count = pruner.get_out_channels(layer)
    return graph.get_pruning_group(layer, pruner.prune_out_channels, list(places or range(count)))


def _shrinks_outputs(group: Any, item: Any) -> bool:
    return bool(group._DG.is_out_channel_pruning_fn(item.dep.handler))


def _costs(group: Any, paths: Mapping[nn.Module, str], scores: Mapping[str, Tensor]) -> Tensor:
    """Return what each channel of a layer costs, with all weights that go with it, relative to their mean.

    Layers differ in size, so only the order within one means anything as it is.
    """
    costs = torch.zeros(len(group[0].idxs), dtype=torch.float64)
    for item in group:
        score = scores.get(paths.get(item.dep.target.module, ""))
        if score is None:
            continue
        axis = 0 if _shrinks_outputs(group, item) else 1
        if score.shape[axis] <= max(item.idxs):
            continue  # a convolution of many groups, whose inputs are its outputs
        each = score.double().movedim(axis, 0).flatten(1).sum(1)
        costs.index_add_(0, torch.tensor(item.root_idxs), each[torch.tensor(item.idxs)])
    return costs / costs.mean().clamp_min(torch.finfo(torch.float64).tiny)


def _keeps_outputs(opened: OpenedModule, path: str, example: Example) -> bool:
    """Tell whether the module still runs with one channel less, and its outputs keep their shapes."""
    trial = OpenedModule(copy.deepcopy(opened.module), opened.examples)
    try:
        with torch.no_grad():
            before = {name: one.shape for name, one in trial.call(example).items()}
        with framework_call("a trial"):
            _group(trial, path, [0], example).prune()
        with torch.no_grad():
            return {name: one.shape for name, one in trial.call(example).items()} == before
    except ModelError:
        return False
