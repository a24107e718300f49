"""A call of a module as an example makes it, with its tensors by name and all else as it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inc_mlflow.errors import CallableError

if TYPE_CHECKING:
    import torch

_CONSTANTS = (bool, int, float, str, type(None))
_GIVE = "give tensors; lists, tuples and mappings of them; None, numbers and texts, which stay as they are"


@dataclass(frozen=True)
class _Tensor:
    """The place of a tensor."""

    name: str


@dataclass(frozen=True)
class ModuleCall:
    """Arguments by place and by keyword, in which tensors have their names."""

    places: tuple[Any, ...]
    keywords: dict[str, Any]

    def __call__(self, module: "torch.nn.Module", tensors: "Mapping[str, torch.Tensor]") -> Any:
        """Return what the module returns for other tensors of the same names."""
        places, keywords = _filled(self.places, tensors), _filled(self.keywords, tensors)
        return module(*places, **keywords)


def call_of(
    places: Mapping[str, Any], keywords: Mapping[str, Any], where: str
) -> "tuple[ModuleCall, dict[str, torch.Tensor]]":
    """Return a call, and its tensors by name; raise CallableError for what is neither tensor nor constant.

    ``places`` are named arguments by place. A tensor inside an argument has the names on its way: pair_0.
    """
    found: dict[str, torch.Tensor] = {}
    by_place = tuple(_taken(name, value, found, where) for name, value in places.items())
    by_name = {str(name): _taken(str(name), value, found, where) for name, value in keywords.items()}
    return ModuleCall(by_place, by_name), found


def _taken(name: str, value: Any, found: "dict[str, torch.Tensor]", where: str) -> Any:
    """Return a value with names for its tensors, which go into ``found``."""
    import torch

    if isinstance(value, torch.Tensor):
        if name in found:
            raise CallableError(f"{where}: two of the example's tensors are called {name!r}; rename one")
        # Engines and NumPy have no bfloat16; its values are exact in float32.
        found[name] = value.float() if value.dtype == torch.bfloat16 else value
        return _Tensor(name)
    if isinstance(value, Mapping):
        return {key: _taken(f"{name}_{key}", one, found, where) for key, one in value.items()}
    if isinstance(value, list | tuple):
        inside = [_taken(f"{name}_{place}", one, found, where) for place, one in enumerate(value)]
        return type(value)(*inside) if hasattr(value, "_fields") else type(value)(inside)
    if isinstance(value, _CONSTANTS):
        return value
    raise CallableError(f"{where}: the example's {name!r} is {type(value).__name__}; {_GIVE}")


def _filled(value: Any, tensors: "Mapping[str, torch.Tensor]") -> Any:
    if isinstance(value, _Tensor):
        return tensors[value.name]
    if isinstance(value, dict):
        return {key: _filled(one, tensors) for key, one in value.items()}
    if isinstance(value, list | tuple):
        inside = [_filled(one, tensors) for one in value]
        return type(value)(*inside) if hasattr(value, "_fields") else type(value)(inside)
    return value
