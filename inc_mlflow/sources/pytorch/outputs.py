"""What a module returns, as tensors by name: a tuple's are numbered, a mapping's keep their names."""

import dataclasses
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from inc_mlflow.errors import ModelError

if TYPE_CHECKING:
    import torch

OUTPUT = "output"


def named_outputs(returned: object, where: str, inputs: Collection[str] = ()) -> "dict[str, torch.Tensor]":
    """Return name -> tensor, in the order in which they stand there; what is no tensor is left out.

    An output with the name of an input is called output_NAME. Raises ModelError where there is no tensor.
    """
    import torch

    found = {
        f"{OUTPUT}_{name}" if name in inputs else name or OUTPUT: value
        for name, value in _flat("", returned)
        if isinstance(value, torch.Tensor)
    }
    if not found:
        raise ModelError(f"{where}: the module returns {type(returned).__name__}, no tensor; return tensors")
    return found


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, one in value.items():
            yield from _flat(f"{name}_{key}" if name else str(key), one)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _flat(f"{name}_{field.name}" if name else field.name, getattr(value, field.name))
    elif hasattr(value, "_asdict"):
        yield from _flat(name, value._asdict())
    elif isinstance(value, tuple | list):
        for place, one in enumerate(value):
            yield from _flat(f"{name or OUTPUT}_{place}", one)
    else:
        yield name, value
