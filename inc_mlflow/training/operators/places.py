"""Operators that move values: shapes, slices, choices."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from inc_mlflow.training.operators.call import Operator, OperatorCall

_MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def reshape(call: OperatorCall) -> Tensor:
    """A zero keeps the size of an axis, unless ``allowzero``."""
    sizes = call.integers("shape", 1) or []
    if not call.attribute("allowzero", 0):
        sizes = [call[0].shape[axis] if size == 0 else size for axis, size in enumerate(sizes)]
    return call[0].reshape(sizes)


def transpose(call: OperatorCall) -> Tensor:
    """Without ``perm`` in reverse order."""
    return call[0].permute(call.attribute("perm", None) or list(reversed(range(call[0].dim()))))


def flatten(call: OperatorCall) -> Tensor:
    """To two axes."""
    axis, x = int(call.attribute("axis", 1)), call[0]
    axis = axis % x.dim() if axis < 0 else axis
    rows = 1
    for size in x.shape[:axis]:
        rows *= size
    return x.reshape(rows, -1)


def unsqueeze(call: OperatorCall) -> Tensor:
    """Axes count in the result."""
    axes = call.integers("axes", 1) or []
    dimensions, x = call[0].dim() + len(axes), call[0]
    for axis in sorted(axis % dimensions for axis in axes):
        x = x.unsqueeze(axis)
    return x


def squeeze(call: OperatorCall) -> Tensor:
    """Without axes, all of size one."""
    axes, x = call.integers("axes", 1), call[0]
    return x.squeeze() if not axes else x.squeeze(tuple(axis % x.dim() for axis in axes))


def split(call: OperatorCall) -> Sequence[Tensor]:
    """By sizes, or into equal parts, the last one smaller."""
    axis, sizes = int(call.attribute("axis", 0)), call.integers("split", 1)
    if sizes is None:
        parts = int(call.attribute("num_outputs", 0))
        if not parts:
            raise ValueError("neither sizes nor a number of parts is given")
        return torch.split(call[0], -(-call[0].shape[axis] // parts), axis)
    return torch.split(call[0], sizes, axis)


def sliced(call: OperatorCall) -> Tensor:
    """Negative steps go backwards."""
    x = call[0]
    starts, ends = call.integers("starts", 1) or [], call.integers("ends", 2) or []
    axes = call.integers("axes", 3) or list(range(len(starts)))
    steps = call.integers("steps", 4) or [1] * len(starts)
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        size = x.shape[axis]
        if step > 0:
            chosen: tuple[slice, ...] = (slice(None),) * (axis % x.dim()) + (slice(start, end, step),)
            x = x[chosen]
        else:
            positions = range(size)[slice(start, None if end < -size else end, step)]
            x = x.index_select(axis, torch.tensor(list(positions), dtype=torch.int64))
    return x


def gather(call: OperatorCall) -> Tensor:
    """Rows of an axis by their numbers; the shape of the numbers takes the place of the axis."""
    axis, x = int(call.attribute("axis", 0)) % call[0].dim(), call[0]
    numbers = call[1].long()
    numbers = torch.where(numbers < 0, numbers + x.shape[axis], numbers)
    found = x.index_select(axis, numbers.reshape(-1))
    return found.reshape((*x.shape[:axis], *numbers.shape, *x.shape[axis + 1 :]))


def gather_elements(call: OperatorCall) -> Tensor:
    """One value for each number."""
    axis, x = int(call.attribute("axis", 0)), call[0]
    numbers = torch.where(call[1] < 0, call[1] + x.shape[axis], call[1])
    return x.gather(axis, numbers)


def gather_nd(call: OperatorCall) -> Tensor:
    """By tuples of numbers in the last axis."""
    if call.attribute("batch_dims", 0):
        raise ValueError("batch_dims is not supported")
    return call[0][tuple(call[1].unbind(-1))]


def expand(call: OperatorCall) -> Tensor:
    """To the common shape."""
    sizes = np.broadcast_shapes(tuple(call[0].shape), tuple(call.integers("shape", 1) or ()))
    return call[0].expand(sizes)


def pad(call: OperatorCall) -> Tensor:
    """Numbers are those before all axes, then those behind."""
    x, pads = call[0], call.integers("pads", 1) or []
    axes, half = call.integers("axes", 3) or list(range(x.dim())), len(pads) // 2
    sides = {axis % x.dim(): (pads[place], pads[place + half]) for place, axis in enumerate(axes)}
    mode = _MODES[str(call.attribute("mode", "constant"))]
    value = call.optional(2)
    constant = float(call.attribute("value", 0.0) if value is None else value)
    if mode == "constant":
        flat = [one for axis in reversed(range(x.dim())) for one in sides.get(axis, (0, 0))]
        return functional.pad(x, flat, value=constant)
    return _reflected(x, sides, mode)


def _reflected(x: Tensor, sides: dict[int, tuple[int, int]], mode: str) -> Tensor:
    """Pad axis by axis: torch pads only the last ones in these modes."""
    for axis, (before, behind) in sides.items():
        if before or behind:
            last = x.movedim(axis, -1)
            flat = functional.pad(last.reshape(1, -1, last.shape[-1]), [before, behind], mode=mode)
            x = flat.reshape(*last.shape[:-1], -1).movedim(-1, axis)
    return x


def shape(call: OperatorCall) -> Tensor:
    """Sizes as whole numbers."""
    sizes = list(call[0].shape)
    return torch.tensor(sizes[call.attribute("start", 0) : call.attribute("end", len(sizes))])


def constant_of_shape(call: OperatorCall) -> Tensor:
    """One value everywhere; zero where none is given."""
    value = call.attribute("value", None)
    filled = torch.zeros(1) if value is None else torch.from_numpy(value.copy())
    return filled.reshape(()).expand([int(size) for size in call[0].tolist()])


def one_after_the_other(call: OperatorCall) -> Tensor:
    """Numbers from a start to an end, by a step."""
    start, end, step = (call[position].item() for position in range(3))
    return torch.arange(start, end, step, dtype=call[0].dtype)


def top(call: OperatorCall) -> Sequence[Tensor]:
    """Largest or smallest values along an axis, and where they are."""
    found = call[0].topk(
        int(call[1]), int(call.attribute("axis", -1)), bool(call.attribute("largest", 1)), sorted=True
    )
    return found.values, found.indices


def depth_to_space(call: OperatorCall) -> Tensor:
    """Channels become blocks."""
    x, block = call[0], int(call.attributes["blocksize"])
    n, c, h, w = x.shape
    if call.attribute("mode", "DCR") == "CRD":
        blocks = x.reshape(n, -1, block, block, h, w).permute(0, 1, 4, 2, 5, 3)
        return blocks.reshape(n, -1, h * block, w * block)
    return (
        x.reshape(n, block, block, c // block**2, h, w)
        .permute(0, 3, 4, 1, 5, 2)
        .reshape(n, -1, h * block, w * block)
    )


def space_to_depth(call: OperatorCall) -> Tensor:
    """Blocks become channels."""
    if call.attribute("mode", "DCR") != "DCR":
        raise ValueError("another order than DCR is not supported")
    x, block = call[0], int(call.attributes["blocksize"])
    n, c, h, w = x.shape
    return (
        x.reshape(n, c, h // block, block, w // block, block)
        .permute(0, 3, 5, 1, 2, 4)
        .reshape(n, -1, h // block, w // block)
    )


def triangle(call: OperatorCall) -> Tensor:
    """The upper or lower triangle of the last two axes."""
    diagonal = call.optional(1)
    function = torch.triu if call.attribute("upper", 1) else torch.tril
    return function(call[0], 0 if diagonal is None else int(diagonal))


PLACES: dict[str, Operator] = {
    "Concat": lambda call: torch.cat(call.given(), int(call.attributes["axis"])),
    "ConstantOfShape": constant_of_shape,
    "DepthToSpace": depth_to_space,
    "Expand": expand,
    "Flatten": flatten,
    "Gather": gather,
    "GatherElements": gather_elements,
    "GatherND": gather_nd,
    "Pad": pad,
    "Range": one_after_the_other,
    "Reshape": reshape,
    "Shape": shape,
    "Size": lambda call: torch.tensor(call[0].numel()),
    "Slice": sliced,
    "SpaceToDepth": space_to_depth,
    "Split": split,
    "Squeeze": squeeze,
    "Tile": lambda call: call[0].tile(call.integers("repeats", 1) or []),
    "TopK": top,
    "Transpose": transpose,
    "Trilu": triangle,
    "Unsqueeze": unsqueeze,
}
"""Name -> operator."""
