"""Reductions, pooling, and positions of largest values."""

from collections.abc import Sequence

from onnx import TensorProto

from tests.support.generated.builder import GraphBuilder, Tensor
from tests.support.generated.layers import layer

INPUT_AXES = {"ReduceSum": 13}
"""First opset that takes the axes as an input; 18 for the others."""


@layer(3, 4, 5, weight=1.5)
def reduce(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    kind = b.pick(
        ["ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2", "ReduceLogSumExp", "ReduceL1"]
    )
    axes = sorted({int(b.rng.integers(1, x.rank)) for _ in range(2)})
    return [reduced(b, kind, x, axes, b.chance(0.5) or x.rank - len(axes) < 2)]


@layer(3, 4, 5, weight=3.0)
def pool(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    kind = b.pick(["MaxPool", "MaxPool", "AveragePool", "LpPool"])
    lengths = x.shape[2:]
    if kind == "LpPool" and x.rank != 4:
        return []
    kernel = [b.pick([1, 2, 3]) if length > 2 else 1 for length in lengths]
    strides = [b.pick([1, 2]) for _ in kernel]
    pads = [b.pick([0, 1]) if size > 2 else 0 for size in kernel]
    attributes = {"kernel_shape": kernel, "strides": strides, "pads": pads * 2}
    if kind == "AveragePool" and b.chance(0.4):
        attributes["count_include_pad"] = 1
    steps = [
        (length + 2 * pad - size, stride)
        for length, pad, size, stride in zip(lengths, pads, kernel, strides, strict=True)
    ]
    if kind != "LpPool" and b.opset >= 10 and not any(pads) and b.chance(0.3):
        attributes["ceil_mode"] = 1
        steps = [(room + stride - 1, stride) for room, stride in steps]
        # A last window that would begin behind the end is left out.
        steps = [
            (min(room, (n - 1) // stride * stride), stride)
            for (room, stride), n in zip(steps, lengths, strict=True)
        ]
    shape = [room // stride + 1 for room, stride in steps]
    return [b.add(kind, [x], (*x.shape[:2], *shape), **attributes)]


@layer(3, 4, 5)
def global_pool(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    kind = b.pick(["GlobalAveragePool", "GlobalMaxPool"])
    return [b.add(kind, [x], (*x.shape[:2], *(1,) * (x.rank - 2)))]


@layer(2, 3)
def largest_values(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    """TopK: the values go on, the positions are read by nobody, or an output."""
    count = min(3, x.shape[-1])
    if b.opset < 10:
        values, places = b.nodes_of("TopK", [x], 2, k=count)
    else:
        values, places = b.nodes_of("TopK", [x, b.integers(count)], 2)
    if b.chance(0.3):
        b.positions.append(b.declare(Tensor(places, (*x.shape[:-1], count)), TensorProto.INT64))
    return [Tensor(values, (*x.shape[:-1], count))]


@layer(2, 3)
def position_of_largest(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    """ArgMax of a tensor that no layer has touched; its position, as a number, is added to all."""
    first = b.live[0]
    if first.rank not in (2, 3) or first.shape[-1] < 3:
        return []
    shape = (*first.shape[:-1], 1)
    place = b.add("ArgMax", [first], shape, axis=first.rank - 1, keepdims=1)
    if b.chance(0.3):
        b.positions.append(b.declare(place, TensorProto.INT64))
    number = b.add("Cast", [place], shape, to=b.float_type)
    small = b.add("Mul", [number, b.scalar(0.1)], number.shape)
    if first.rank == 3:
        small = reduced(b, "ReduceMax", small, [1], keep=x.rank == 3)
    elif x.rank == 3:
        return []
    return [b.add("Add", [x, small], x.shape)]


def reduced(b: GraphBuilder, kind: str, x: Tensor, axes: Sequence[int], keep: bool) -> Tensor:
    """Reduce axes; they are an attribute or an input, as the opset wants it."""
    shape = [1 if axis in axes else length for axis, length in enumerate(x.shape) if keep or axis not in axes]
    if b.opset < INPUT_AXES.get(kind, 18):
        return b.add(kind, [x], shape, axes=list(axes), keepdims=int(keep))
    return b.add(kind, [x, b.integers(*axes)], shape, keepdims=int(keep))
