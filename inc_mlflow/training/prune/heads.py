"""Removes heads of modules that attend: rows of queries, keys and values, columns of what reads them."""

import copy
from collections.abc import Mapping
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

from inc_mlflow.errors import ModelError
from inc_mlflow.sources.pytorch.source import OpenedModule
from inc_mlflow.training.prune.options import AttentionNames, Prune
from inc_mlflow.training.prune.selection import chosen_units

_CLOSE = 1e-3
"""Largest difference, relative to the largest output, from a model whose heads give nothing."""


def remove_heads(
    opened: OpenedModule, recipe: Prune, scores: Mapping[str, Tensor], example: Mapping[str, Tensor]
) -> list[str]:
    """Remove the share of heads that the recipe says, and return the modules that have fewer.

    A module that divides by a width made of the number of heads divides by more with fewer: its queries grow
    by as much. Raises ModelError where a name fits nothing, or the module does not run with fewer heads, or
    computes something else than with heads that give nothing.
    """
    attention = recipe.attention
    if attention is None:
        raise TypeError("prune: no attention")
    paths = [
        path for path, _ in opened.module.named_modules() if fnmatchcase(path, attention.module) and path
    ]
    paths = [path for path in paths if _has(opened.module, f"{path}.{attention.query}")]
    if not paths:
        raise ModelError(
            f"recipe {recipe.label()!r}: attention: no module {attention.module!r} has a layer "
            f"{attention.query!r}; give its names"
        )
    costs = [_costs(opened.module, path, attention, scores) for path in paths]
    none = [torch.zeros_like(one, dtype=torch.bool) for one in costs]
    chosen = chosen_units(costs, none, recipe.sparsity, recipe.is_balanced)
    silent = OpenedModule(copy.deepcopy(opened.module), opened.examples)
    kept = {path: ~gone for path, gone in zip(paths, chosen, strict=True) if gone.any() and not gone.all()}
    for path, heads in kept.items():
        _silence(silent.module, path, attention, heads)
        _remove(opened.module, path, attention, heads)
    if not _is_same(silent, opened, example, recipe):
        for path, heads in kept.items():
            _grow(_layer(opened.module, f"{path}.{attention.query}"), len(heads) / int(heads.sum()))
        if not _is_same(silent, opened, example, recipe):
            raise ModelError(
                f"recipe {recipe.label()!r}: with fewer heads the module's outputs are not what they are "
                "where these heads give nothing; let it compute a head's width from its weights"
            )
    return list(kept)


def _has(module: nn.Module, path: str) -> bool:
    return path in dict(module.named_modules())


def _layer(module: nn.Module, path: str) -> nn.Linear:
    layer = module.get_submodule(path) if _has(module, path) else None
    if not isinstance(layer, nn.Linear):
        raise ModelError(f"attention: {path!r} is no linear layer; name query, key, value and output")
    return layer


def _heads(module: nn.Module, path: str, attention: AttentionNames) -> int:
    holder, name = _holder(module, path, attention.heads)
    count = getattr(holder, name, None)
    width = _layer(module, f"{path}.{attention.query}").out_features
    if type(count) is not int or count < 1 or width % count:
        raise ModelError(
            f"attention: {path}.{attention.heads} is {count!r}; name the attribute with the heads"
        )
    return count


def _holder(module: nn.Module, path: str, name: str) -> tuple[nn.Module, str]:
    inside, _, leaf = f"{path}.{name}".rpartition(".")
    return (module.get_submodule(inside), leaf) if _has(module, inside) else (module, "")


def _costs(module: nn.Module, path: str, attention: AttentionNames, scores: Mapping[str, Tensor]) -> Tensor:
    """Return what each head costs: the scores of its values and of the columns that read them."""
    heads = _heads(module, path, attention)
    value, output = scores[f"{path}.{attention.value}"], scores[f"{path}.{attention.output}"]
    return (value.double().sum(1) + output.double().sum(0)).reshape(heads, -1).sum(1)


def _places(kept: Tensor, width: int) -> Tensor:
    return torch.nonzero(kept.repeat_interleave(width // len(kept))).flatten()


def _remove(module: nn.Module, path: str, attention: AttentionNames, kept: Tensor) -> None:
    count = int(kept.sum())
    for name in (attention.query, attention.key, attention.value):
        layer = _layer(module, f"{path}.{name}")
        places = _places(kept, layer.out_features)
        layer.weight = nn.Parameter(layer.weight.detach()[places].clone())
        layer.out_features = len(places)
        if layer.bias is not None:
            layer.bias = nn.Parameter(layer.bias.detach()[places].clone())
    output = _layer(module, f"{path}.{attention.output}")
    places = _places(kept, output.in_features)
    output.weight = nn.Parameter(output.weight.detach()[:, places].clone())
    output.in_features = len(places)
    setattr(*_holder(module, path, attention.heads), count)
    if attention.width is not None:
        setattr(*_holder(module, path, attention.width), len(places))


def _silence(module: nn.Module, path: str, attention: AttentionNames, kept: Tensor) -> None:
    """Let what reads the heads ignore some."""
    output = _layer(module, f"{path}.{attention.output}")
    with torch.no_grad():
        output.weight.mul_(kept.repeat_interleave(output.in_features // len(kept)).to(output.weight.dtype))


def _grow(query: nn.Linear, times: float) -> None:
    """Let queries give what a scale of the root of so many times the width takes away."""
    with torch.no_grad():
        for one in query.parameters():
            one.mul_(times**0.5)


def _is_same(
    silent: OpenedModule, opened: OpenedModule, example: Mapping[str, Tensor], recipe: Prune
) -> bool:
    """Tell whether outputs are those with silent heads; raise ModelError where there are none."""
    with torch.no_grad():
        true = silent.call(example)
        try:
            found = opened.call(example)
        except ModelError as error:
            raise ModelError(
                f"recipe {recipe.label()!r}: the module does not run with fewer heads ({error}); let it take "
                "the width of all heads from its weights, as reshape(batch, length, -1) does"
            ) from error
    return all(
        values.shape == found[name].shape
        and float((found[name] - values).abs().max()) <= _CLOSE * float(values.abs().max())
        for name, values in true.items()
        if values.is_floating_point()
    )
