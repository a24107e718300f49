"""Example inputs of a module: what they are called, and which of their axes may have any size."""

import inspect
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inc_mlflow.errors import CallableError
from inc_mlflow.sources.pytorch.module_call import ModuleCall, call_of

if TYPE_CHECKING:
    import torch

BATCH = "batch"
_GIVE = "return (module, inputs): a tuple of tensors, or name -> tensor; or a list of such examples"


@dataclass(frozen=True)
class Examples:
    """One or more examples with the same inputs, by name in the order of ``forward``."""

    inputs: "tuple[dict[str, torch.Tensor], ...]"
    call: ModuleCall
    """How the module is called with them."""

    @property
    def names(self) -> list[str]:
        """Names of the inputs."""
        return list(self.inputs[0])

    def axes(self, batch: bool) -> dict[str, dict[int, str]]:
        """Return input -> axis -> name, for the axes that may have any size; equal names are equal sizes.

        These are those in which the examples differ, and with ``batch`` the first axis of all inputs that
        have as many rows as most.
        """
        counted: dict[tuple[int, ...], str] = {}
        rows = _rows(self.inputs)
        found: dict[str, dict[int, str]] = {}
        for name in self.names:
            shapes = [tuple(one[name].shape) for one in self.inputs]
            found[name] = {}
            for axis, sizes in enumerate(zip(*shapes, strict=True)):
                if batch and axis == 0 and sizes == rows:
                    found[name][axis] = BATCH
                elif len(set(sizes)) > 1:
                    found[name][axis] = counted.setdefault(sizes, f"size_{len(counted) + 1}")
        return found

    def traced(self, axes: Mapping[str, Mapping[int, str]]) -> "dict[str, torch.Tensor]":
        """Return an example whose free axes have at least two entries: one would be taken for fixed.

        Each input is a tensor of its own: two that are one are exported as one.
        """
        longest = max(self.inputs, key=lambda one: sum(tensor.numel() for tensor in one.values()))
        return {name: _at_least_two(tensor, axes[name]).clone() for name, tensor in longest.items()}


def examples_of(module: "torch.nn.Module", given: object, where: str) -> Examples:
    """Return the examples that a function gave; raise CallableError where they are none."""
    listed = given if isinstance(given, list) else [given]
    calls = [_call(one, module, where) for one in listed]
    made = [tensors for _, tensors in calls]
    if not made or not made[0] or any(one.keys() != made[0].keys() for one in made):
        raise CallableError(f"{where}: the examples have no inputs, or different ones; {_GIVE}")
    if any(one[name].ndim != made[0][name].ndim for one in made for name in one):
        raise CallableError(f"{where}: the examples have inputs of different ranks; give the same rank")
    if any(call != calls[0][0] for call, _ in calls):
        raise CallableError(f"{where}: the examples differ in more than their tensors; {_GIVE}")
    return Examples(tuple(made), calls[0][0])


def _call(
    example: object, module: "torch.nn.Module", where: str
) -> "tuple[ModuleCall, dict[str, torch.Tensor]]":
    import torch

    if isinstance(example, torch.Tensor):
        example = (example,)
    if isinstance(example, Mapping):
        return call_of({}, example, where)
    if isinstance(example, Sequence) and not isinstance(example, str):
        return call_of(dict(zip(_places(module, len(example)), example, strict=True)), {}, where)
    raise CallableError(f"{where}: the example is {type(example).__name__}; {_GIVE}")


def _places(module: "torch.nn.Module", count: int) -> list[str]:
    """Return names of so many arguments of ``forward``; those of ``*inputs`` are inputs_0, inputs_1, ..."""
    by_place = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    parameters = inspect.signature(module.forward).parameters.values()
    names = [one.name for one in parameters if one.kind in by_place][:count]
    more = next((one.name for one in parameters if one.kind is inspect.Parameter.VAR_POSITIONAL), "input")
    return names + [f"{more}_{place}" for place in range(count - len(names))]


def _rows(inputs: "Sequence[dict[str, torch.Tensor]]") -> tuple[int, ...]:
    counts = Counter(
        tuple(one[name].shape[0] for one in inputs) for name in inputs[0] if inputs[0][name].ndim
    )
    return counts.most_common(1)[0][0] if counts else ()


def _at_least_two(tensor: Any, axes: Mapping[int, str]) -> Any:
    import torch

    for axis in axes:
        if tensor.shape[axis] == 1:
            tensor = torch.cat([tensor, tensor], dim=axis)
    return tensor
