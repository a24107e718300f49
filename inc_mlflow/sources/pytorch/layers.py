"""The values of a module's layers in one call of it."""

from collections.abc import Callable, Collection, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@contextmanager
def layer_values(module: "torch.nn.Module", layers: Collection[str]) -> "Iterator[dict[str, torch.Tensor]]":
    """Yield layer -> what its first call gave, filled while the module is called.

    Layers are paths of modules inside; of several tensors the first counts, and unknown layers are left out.
    """
    found: dict[str, torch.Tensor] = {}
    inside = dict(module.named_modules())
    with ExitStack() as hooks:
        for path in layers:
            if path in inside:
                hooks.callback(inside[path].register_forward_hook(_keeping(found, path)).remove)
        yield found


def _keeping(found: "dict[str, torch.Tensor]", path: str) -> "Callable[..., None]":
    import torch

    def keep(layer: object, given: object, returned: object) -> None:
        first = returned[0] if isinstance(returned, tuple) else returned
        if isinstance(first, torch.Tensor):
            found.setdefault(path, first.clone())

    return keep
