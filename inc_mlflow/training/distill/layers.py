"""Layers inside a student that learn to give what layers inside the teacher give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from inc_mlflow.errors import ModelError
from inc_mlflow.registry import did_you_mean
from inc_mlflow.sources.pytorch.layers import layer_values
from inc_mlflow.sources.pytorch.source import OpenedModule

_PICTURE = 4
"""Axes from which on the second one is that of channels, as convolutions have it."""


class Projection(nn.Module):
    """A linear map of one axis, the same at all places of the others.

    That is Linear for the last axis, and a 1x1 convolution for the second.
    """

    def __init__(self, axis: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self._axis, self.linear = axis, nn.Linear(inputs, outputs)

    def forward(self, values: Tensor) -> Tensor:
        """Return values with another size of the axis."""
        mapped: Tensor = self.linear(values.movedim(self._axis, -1))
        return mapped.movedim(-1, self._axis)


@dataclass(frozen=True)
class _Pair:
    """One layer of each, what bridges them, and the size of the teacher's values."""

    student: str
    teacher: str
    bridge: nn.Module
    size: float


class MatchedLayers:
    """Pairs of layers; their projections are trained along and belong to no model.

    ``rows`` are some inputs by which shapes are known. Raises ModelError, beginning with ``where``, for a
    path that is none, and for values that no projection bridges.
    """

    def __init__(
        self,
        student: OpenedModule,
        teacher: OpenedModule,
        layers: Mapping[str, str],
        rows: Mapping[str, Tensor],
        seed: int,
        where: str,
    ) -> None:
        for who, opened, paths in (("student", student, layers), ("teacher", teacher, layers.values())):
            _check_paths(who, opened.module, list(paths), where)
        self.student_paths, self._teacher = list(layers), teacher
        self._teacher_paths = list(layers.values())
        student.module.eval()
        with torch.no_grad(), layer_values(student.module, self.student_paths) as mine:
            student.call(rows)
        theirs = self._taught(rows)
        torch.manual_seed(seed)
        self._pairs = [
            _paired(path, other, mine.get(path), theirs.get(other), where) for path, other in layers.items()
        ]

    @property
    def tensors(self) -> list[Tensor]:
        """What of the projections is trained."""
        return [tensor for pair in self._pairs for tensor in pair.bridge.parameters()]

    def distance(self, mine: Mapping[str, Tensor], inputs: Mapping[str, Tensor]) -> Tensor:
        """Return the mean squared distance of the pairs, relative to the variance of the teacher's values."""
        theirs = self._taught(inputs)
        each = [
            ((pair.bridge(mine[pair.student]) - theirs[pair.teacher]) ** 2).mean() / pair.size
            for pair in self._pairs
        ]
        return torch.stack(each).mean()

    def _taught(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        with torch.no_grad(), layer_values(self._teacher.module, self._teacher_paths) as values:
            self._teacher.call(inputs)
        return values


def _check_paths(who: str, module: nn.Module, paths: Sequence[str], where: str) -> None:
    there = [path for path, _ in module.named_modules() if path]
    for path in paths:
        if path not in there:
            raise ModelError(
                f"{where}: layers: the {who} has no module {path!r}{did_you_mean(path, there)}; it has "
                f"{', '.join(there) or 'none'}"
            )


def _paired(path: str, other: str, mine: Tensor | None, theirs: Tensor | None, where: str) -> _Pair:
    """Return a pair with its bridge; None stands for a layer that gives no tensor."""
    if mine is None or theirs is None or not (mine.is_floating_point() and theirs.is_floating_point()):
        silent = path if mine is None or not mine.is_floating_point() else other
        raise ModelError(f"{where}: layers: {silent!r} gives no tensor of floats; name another module")
    size = float(theirs.var(correction=0)) or 1.0
    return _Pair(path, other, _bridge(path, other, mine.shape, theirs.shape, where), size)


def _bridge(path: str, other: str, mine: Sequence[int], theirs: Sequence[int], where: str) -> nn.Module:
    """Return what makes values of the student's shape such of the teacher's; equal shapes need nothing."""
    if tuple(mine) == tuple(theirs):
        return nn.Sequential()
    if len(mine) == len(theirs):
        axes = range(1, len(mine))
        for axis in axes if len(mine) >= _PICTURE else reversed(axes):
            if all(mine[one] == theirs[one] for one in range(len(mine)) if one != axis):
                return Projection(axis, mine[axis], theirs[axis])
    raise ModelError(
        f"{where}: layers: {path!r} gives {_shape(mine)} and {other!r} {_shape(theirs)}, which no projection "
        "bridges; name modules whose values differ in one axis at most"
    )


def _shape(sizes: Sequence[int]) -> str:
    return f"({', '.join(['n', *map(str, sizes[1:])])})"
