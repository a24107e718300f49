"""Conv and ConvTranspose: one to three axes, groups, strides, dilations, every kind of padding."""

from typing import Any

from tests.support.generated.builder import GraphBuilder, Tensor
from tests.support.generated.layers import layer


@layer(3, 4, 5, weight=6.0)
def conv(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    return [y] if (y := _conv(b, x)) else []


@layer(3, 4, 5, weight=3.0)
def conv_and_activation(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    y = _conv(b, x)
    if y is None:
        return []
    return [y, b.add(b.pick(["Relu", "LeakyRelu", "Sigmoid"]), [y], y.shape)]


@layer(3, 4)
def conv_of_two_tensors(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    """One convolution, with the same weights, applied to two tensors, as in a head shared by levels."""
    other = b.other(x)
    if other is None or x.rank < 3:
        return []
    channels = b.pick([2, 4, 6])
    weights = b.weight((channels, x.shape[1], *(1,) * (x.rank - 2)), x.shape[1])
    inputs = [weights, b.bias((channels,))]
    shape = (1, channels, *x.shape[2:])
    return [b.add("Conv", [tensor, *inputs], shape) for tensor in (x, other)]


@layer(3, 4, weight=2.0)
def conv_transpose(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    axes = x.rank - 2
    channels, lengths = x.shape[1], x.shape[2:]
    if max(lengths) > 10:
        return []
    group = 2 if channels % 2 == 0 and b.chance(0.3) else 1
    outputs = b.pick([1, 2, 3]) * group
    kernel = [b.pick([1, 2, 3]) for _ in range(axes)]
    strides = [b.pick([1, 2]) for _ in range(axes)]
    pads = [b.pick([0, 1]) if size > 2 else 0 for size in kernel]
    extra = [b.pick([0, 1]) if stride > 1 else 0 for stride in strides]
    weights = b.weight((channels, outputs // group, *kernel), channels // group)
    inputs = [x, weights, *([b.bias((outputs,))] if b.chance(0.6) else [])]
    shape = [
        (length - 1) * stride + size + more - 2 * pad
        for length, stride, size, more, pad in zip(lengths, strides, kernel, extra, pads, strict=True)
    ]
    if min(shape) < 1:
        return []
    attributes = {"kernel_shape": kernel, "strides": strides, "pads": pads * 2, "output_padding": extra}
    return [b.add("ConvTranspose", inputs, (1, outputs, *shape), group=group, **attributes)]


def _conv(b: GraphBuilder, x: Tensor) -> Tensor | None:
    axes, channels, lengths = x.rank - 2, x.shape[1], x.shape[2:]
    group = b.pick([1, 1, 1, channels, 2]) if channels % 2 == 0 else b.pick([1, 1, channels])
    outputs = group * b.pick([1, 2, 3] if group == channels else [1, 2, 4])
    if outputs > 32:
        return None
    kernel = [b.pick([1, 2, 3, 5]) if length > 2 else 1 for length in lengths]
    attributes, shape = _window(b, lengths, kernel)
    if min(shape) < 1:
        return None
    fan_in = channels // group
    for size in kernel:
        fan_in *= size
    inputs = [x, b.weight((outputs, channels // group, *kernel), fan_in)]
    if b.chance(0.7):
        inputs.append(b.bias((outputs,)))
    if b.chance(0.8) or axes > 2:
        attributes["kernel_shape"] = kernel
    return b.add("Conv", inputs, (1, outputs, *shape), group=group, **attributes)


def _window(b: GraphBuilder, lengths: Any, kernel: list[int]) -> tuple[dict[str, Any], list[int]]:
    """Draw strides, dilations and padding; return the attributes and the output's lengths."""
    padding = b.pick(["NOTSET", "NOTSET", "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"])
    strides = [b.pick([1, 1, 2]) for _ in kernel]
    if padding.startswith("SAME"):
        shape = [-(-length // stride) for length, stride in zip(lengths, strides, strict=True)]
        return {"auto_pad": padding, "strides": strides}, shape
    dilations = [b.pick([1, 1, 2]) for _ in kernel]
    reach = [(size - 1) * step + 1 for size, step in zip(kernel, dilations, strict=True)]
    before = [b.pick([0, size // 2]) if padding == "NOTSET" else 0 for size in kernel]
    after = [
        b.pick([pad, size // 2]) if padding == "NOTSET" else 0
        for pad, size in zip(before, kernel, strict=True)
    ]
    shape = [
        (length + pad + more - span) // stride + 1
        for length, pad, more, span, stride in zip(lengths, before, after, reach, strides, strict=True)
    ]
    attributes: dict[str, Any] = {"strides": strides, "dilations": dilations}
    attributes |= {"pads": before + after} if padding == "NOTSET" else {"auto_pad": padding}
    return attributes, shape
