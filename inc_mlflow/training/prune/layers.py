"""The layers of a module that are pruned: those with weights (outputs, inputs, *kernel)."""

from fnmatch import fnmatchcase

from torch import nn

from inc_mlflow.errors import ModelError
from inc_mlflow.training.prune.options import Prune

PrunableLayer = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d
KINDS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def pruned_layers(module: nn.Module, recipe: Prune) -> dict[str, PrunableLayer]:
    """Return path -> layer; raise ModelError where a name of the recipe fits none."""
    there: dict[str, PrunableLayer] = {
        path: one for path, one in module.named_modules() if isinstance(one, KINDS)
    }
    for field, patterns in (("layers", recipe.layers), ("excluded", recipe.excluded)):
        for pattern in patterns:
            if not any(fnmatchcase(path, pattern) for path in there):
                raise ModelError(
                    f"recipe {recipe.label()!r}: {field}: no layer is called {pattern!r}; there are "
                    f"{', '.join(there) or 'none'}"
                )
    return {path: one for path, one in there.items() if is_named(path, recipe)}


def is_named(path: str, recipe: Prune) -> bool:
    """Tell whether a recipe prunes the layer of that path."""
    wanted = any(fnmatchcase(path, pattern) for pattern in recipe.layers)
    return wanted and not any(fnmatchcase(path, pattern) for pattern in recipe.excluded)


def groups_of(layer: PrunableLayer) -> int:
    """Return into how many groups a convolution divides its channels."""
    return 1 if isinstance(layer, nn.Linear) else layer.groups
