"""What a module returns, as tensors by name: a tuple's are numbered, a mapping's keep their names."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from inc_mlflow.errors import ModelError

if TYPE_CHECKING:
    import torch

OUTPUT = "output"


def named_outputs(returned: object, where: str) -> "dict[str, torch.Tensor]":
    """Return name -> tensor, in the order in which an export flattens them; what is no tensor is left out.

    Raises ModelError where there is no tensor.
    """
    import torch

    found = {name or OUTPUT: value for name, value in _flat("", returned) if isinstance(value, torch.Tensor)}
    if not found:
        raise ModelError(f"{where}: the module returns {type(returned).__name__}, no tensor; return tensors")
    return found


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _flat(f"{name}_{key}" if name else str(key), one)
    elif isinstance(value, tuple | list):
        for place, one in enumerate(value):
            yield from _flat(f"{name or OUTPUT}_{place}", one)
    else:
        yield name, value
