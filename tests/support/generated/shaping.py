"""Operators that move values without changing them, and those that add or repeat some."""

from math import prod
from typing import Any

import numpy as np

from tests.support.generated.builder import GraphBuilder, Tensor
from tests.support.generated.layers import MOST_ELEMENTS, elements, layer


@layer(weight=2.0)
def reshape(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    lengths = list(x.shape[1:])
    if len(lengths) > 1 and b.chance(0.6):
        place = int(b.rng.integers(len(lengths) - 1))
        lengths[place : place + 2] = [lengths[place] * lengths[place + 1]]
    elif len(lengths) < 4:
        place = int(b.rng.integers(len(lengths)))
        halves = lengths[place] % 2 == 0
        lengths[place : place + 1] = [2, lengths[place] // 2] if halves else [lengths[place], 1]
    else:
        return []
    if b.chance(0.3):
        first = b.add("Gather", [b.nodes_of("Shape", [x], 1)[0], b.integers(0)], (1,), axis=0)
        target = b.add("Concat", [first, b.integers(*lengths)], (), axis=0).name
    else:
        target = b.integers(b.pick([0, -1]), *lengths)
    return [b.add("Reshape", [x, target], (1, *lengths))]


@layer(3, 4, 5, weight=2.0)
def flatten(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    return [b.add("Flatten", [x], (1, elements(x)), axis=1)]


@layer(3, 4, 5, weight=2.0)
def transpose(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    order = [0, *(1 + b.rng.permutation(x.rank - 1)).tolist()]
    return [b.add("Transpose", [x], [x.shape[axis] for axis in order], perm=order)]


@layer(3, 4, 5, weight=3.0)
def squeeze(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    axes = [axis for axis in range(1, x.rank) if x.shape[axis] == 1][: x.rank - 2]
    if not axes:
        return []
    return [axes_node(b, "Squeeze", x, axes, [n for axis, n in enumerate(x.shape) if axis not in axes])]


@layer(2, 3, 4)
def unsqueeze(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    axis = int(b.rng.integers(1, x.rank + 1))
    return [axes_node(b, "Unsqueeze", x, [axis], (*x.shape[:axis], 1, *x.shape[axis:]))]


@layer(weight=1.5)
def slices(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    axis = int(b.rng.integers(1, x.rank))
    length = x.shape[axis]
    if length < 3:
        return []
    start, stop, step = b.pick([(0, length - 1, 1), (1, 2**31 - 1, 1), (-2, 2**31 - 1, 1), (0, length, 2)])
    if b.opset < 10:
        step = 1
    count = len(range(length)[start:stop:step])
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    if b.opset < 10:
        return [b.add("Slice", [x], shape, axes=[axis], starts=[start], ends=[stop])]
    lists = [b.integers(value) for value in (start, stop, axis, step)]
    return [b.add("Slice", [x, *lists], shape)]


@layer(weight=1.5)
def split(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    axis = int(b.rng.integers(1, x.rank))
    length = x.shape[axis]
    if length < 2:
        return []
    equal = length % 2 == 0 and b.chance(0.4)
    sizes = [length // 2] * 2 if equal else [1, length - 1]
    attributes: dict[str, Any] = {"axis": axis}
    inputs: list[Tensor | str] = [x]
    if equal:
        attributes |= {"num_outputs": 2} if b.opset >= 18 else {}
    elif b.opset < 13:
        attributes["split"] = sizes
    else:
        inputs.append(b.integers(*sizes))
    names = b.nodes_of("Split", inputs, 2, **attributes)
    shapes = [(*x.shape[:axis], size, *x.shape[axis + 1 :]) for size in sizes]
    return [Tensor(name, shape) for name, shape in zip(names, shapes, strict=True)]


@layer(weight=2.0)
def concat(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    axis = int(b.rng.integers(1, x.rank))
    alike = [one for one in b.live if one.rank == x.rank and _but(one, axis) == _but(x, axis)]
    others = [b.pick(alike) for _ in range(b.pick([1, 1, 2]))] if alike else []
    if b.chance(0.1):
        others.append(Tensor(b.bias(x.shape), x.shape))
    parts = [x, *others]
    shape = (*x.shape[:axis], sum(one.shape[axis] for one in parts), *x.shape[axis + 1 :])
    return [b.add("Concat", parts, shape, axis=axis)] if prod(shape) <= MOST_ELEMENTS else []


@layer(3, 4, weight=1.5)
def pad(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    mode = b.pick(["constant", "constant", "reflect", "edge"])
    before, after = ([0, *(b.pick([0, 1]) if length > 2 else 0 for length in x.shape[1:])] for _ in range(2))
    if mode != "constant":
        before[1] = after[1] = 0
    value = b.pick([0.0, 0.0, -1.0, 2.0])
    shape = [sum(three) for three in zip(before, x.shape, after, strict=True)]
    if b.opset < 11:
        attributes: dict[str, Any] = {"pads": before + after, "mode": mode}
        return [b.add("Pad", [x], shape, **attributes, **({"value": value} if mode == "constant" else {}))]
    inputs = [x, b.integers(*before, *after), *([b.scalar(value)] if mode == "constant" and value else [])]
    return [b.add("Pad", inputs, shape, mode=mode)]


@layer(4, weight=1.5)
def resize(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    if elements(x) * 4 > MOST_ELEMENTS:
        return []
    mode = b.pick(["nearest", "linear"])
    scales = np.array([1, 1, 2, b.pick([1, 2])], np.float32)
    shape = [int(length * scale) for length, scale in zip(x.shape, scales, strict=True)]
    if b.opset < 9:
        return [b.add("Upsample", [x], shape, scales=scales.tolist(), mode=mode)]
    name = b.fresh("scales")
    b.initializers[name] = scales
    if b.opset < 11:
        return [b.add("Upsample" if b.opset == 9 else "Resize", [x, name], shape, mode=mode)]
    attributes: dict[str, Any] = {"mode": mode}
    if b.chance(0.7):
        attributes["coordinate_transformation_mode"] = b.pick(["asymmetric", "half_pixel", "align_corners"])
    if mode == "nearest":
        attributes["nearest_mode"] = b.pick(["floor", "round_prefer_floor"])
    roi = "" if b.opset >= 13 else b.constant(np.zeros(0, np.float32))
    return [b.add("Resize", [x, roi, name], shape, **attributes)]


@layer()
def repeat(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    if elements(x) * 2 > MOST_ELEMENTS:
        return []
    if b.chance(0.5) and 1 in x.shape[1:] and b.opset >= 8:
        axis = 1 + x.shape[1:].index(1)
        shape = (*x.shape[:axis], 3, *x.shape[axis + 1 :])
        return [b.add("Expand", [x, b.integers(1, *shape[1:])], shape)]
    counts = [1] * (x.rank - 1) + [2]
    return [b.add("Tile", [x, b.integers(*counts)], (*x.shape[:-1], x.shape[-1] * 2))]


@layer(4)
def depth_and_space(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    _, channels, high, wide = x.shape
    if channels % 4 == 0 and b.chance(0.6):
        attributes = {"mode": b.pick(["DCR", "CRD"])} if b.opset >= 11 else {}
        return [b.add("DepthToSpace", [x], (1, channels // 4, high * 2, wide * 2), blocksize=2, **attributes)]
    if high % 2 or wide % 2:
        return []
    return [b.add("SpaceToDepth", [x], (1, channels * 4, high // 2, wide // 2), blocksize=2)]


@layer()
def dropout(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    if b.chance(0.4):
        return [b.add("Identity", [x], x.shape)]
    return [b.add("Dropout", [x], x.shape, **({"ratio": 0.3} if b.opset < 12 else {}))]


def axes_node(b: GraphBuilder, kind: str, x: Tensor, axes: list[int], shape: Any) -> Tensor:
    """Squeeze or Unsqueeze with the axes where the opset wants them."""
    if b.opset < 13:
        return b.add(kind, [x], shape, axes=axes)
    return b.add(kind, [x, b.integers(*axes)], shape)


def _but(tensor: Tensor, axis: int) -> tuple[int, ...]:
    return tensor.shape[:axis] + tensor.shape[axis + 1 :]
