"""What a stage leaves of a module: its weights, and how its sizes differ from those of the module as built.

Both are data: the user's function builds the module, and the sizes are set in it before the weights are read.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inc_mlflow.errors import ModelError
from inc_mlflow.files import canonical_json, write_text

if TYPE_CHECKING:
    import torch

WEIGHTS, SIZES = "module.safetensors", "sizes.json"
_GIVE = "give a folder that pruning or distillation of this very module has left"


def save_changed(module: "torch.nn.Module", built: "torch.nn.Module", folder: Path) -> None:
    """Write what ``load_changed`` reads; ``built`` is the module as the user's function builds it."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    state = {name: tensor.detach().clone().contiguous() for name, tensor in module.state_dict().items()}
    save_file(state, folder / WEIGHTS)
    before, after = dict(_attributes(built)), dict(_attributes(module))
    shapes = {name: list(tensor.shape) for name, tensor in module.state_dict().items()}
    same = {name: list(tensor.shape) for name, tensor in built.state_dict().items()}
    sizes = {
        "attributes": [[*key, value] for key, value in after.items() if before.get(key) != value],
        "shapes": {name: shape for name, shape in shapes.items() if same.get(name) != shape},
    }
    write_text(folder / SIZES, canonical_json(sizes))


def load_changed(module: "torch.nn.Module", folder: Path) -> None:
    """Give a module as built the sizes and weights of a folder; raise ModelError where they do not fit."""
    from safetensors.torch import load_file

    from inc_mlflow.sources.source import framework_call

    try:
        sizes = json.loads((folder / SIZES).read_text())
        for name, shape in sizes["shapes"].items():
            _resize(module, name, shape)
        for path, name, value in sizes["attributes"]:
            _set_attribute(module.get_submodule(path), name, value)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"model.trained: {folder} does not fit the module; {_GIVE}") from error
    with framework_call(f"model.trained: {folder} does not fit the module; {_GIVE}"):
        module.load_state_dict(load_file(folder / WEIGHTS))


def _attributes(module: "torch.nn.Module") -> Iterator[tuple[tuple[str, str], Any]]:
    """Yield (path, name) -> value of what says a size: whole numbers, and tuples of them."""
    for path, inside in module.named_modules():
        for name, value in vars(inside).items():
            numbers = value if isinstance(value, tuple) else (value,)
            if not name.startswith("_") and numbers and all(type(one) is int for one in numbers):
                yield (path, name), list(value) if isinstance(value, tuple) else value


def _set_attribute(inside: "torch.nn.Module", name: str, value: Any) -> None:
    """Replace a size by another; raise ValueError where the module has no such size."""
    old = vars(inside)[name]
    new = tuple(value) if isinstance(value, list) else value
    if type(old) is not type(new) or not all(
        type(one) is int for one in (new if value is not new else (new,))
    ):
        raise ValueError(f"{name} is no size")
    setattr(inside, name, new)


def _resize(module: "torch.nn.Module", name: str, shape: list[int]) -> None:
    """Make room for weights of another shape, which is no larger; raise ValueError otherwise."""
    import torch

    path, _, leaf = name.rpartition(".")
    inside = module.get_submodule(path)
    old = getattr(inside, leaf)
    if len(shape) != old.ndim or not all(0 < new <= size for new, size in zip(shape, old.shape, strict=True)):
        raise ValueError(f"{name} has another shape")
    new = torch.zeros(shape, dtype=old.dtype)
    if isinstance(old, torch.nn.Parameter):
        setattr(inside, leaf, torch.nn.Parameter(new, requires_grad=old.requires_grad))
    else:
        inside.register_buffer(leaf, new, persistent=True)
