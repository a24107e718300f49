"""Operators that slide a window over the axes behind batch and channels: convolutions and pooling."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from inc_mlflow.training.operators.call import Operator, OperatorCall

_CONVOLUTIONS = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
_TRANSPOSED = {1: functional.conv_transpose1d, 2: functional.conv_transpose2d, 3: functional.conv_transpose3d}
_MAX_POOLS = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}


class _Window:
    """Size, strides, dilations and padding of the window of one node."""

    def __init__(self, call: OperatorCall, size: Sequence[int]) -> None:
        self.size = [int(one) for one in call.attribute("kernel_shape", None) or size]
        self.axes = len(self.size)
        self.strides = [int(one) for one in call.attribute("strides", [1] * self.axes)]
        self.dilations = [int(one) for one in call.attribute("dilations", [1] * self.axes)]
        self._given = [int(one) for one in call.attribute("pads", [0] * (2 * self.axes))]
        self._auto = str(call.attribute("auto_pad", "NOTSET"))
        self._ceil = bool(call.attribute("ceil_mode", 0))

    def pads(self, x: Tensor) -> list[tuple[int, int]]:
        """Return what is added before and behind each axis."""
        if self._auto == "VALID":
            return [(0, 0)] * self.axes
        if self._auto.startswith("SAME"):
            return [self._same(size, axis) for axis, size in enumerate(x.shape[2:])]
        return [(self._given[axis], self._given[axis + self.axes]) for axis in range(self.axes)]

    def beyond(self, x: Tensor) -> list[int]:
        """Return how much further than its padding each axis must reach for ``ceil_mode``."""
        if not self._ceil:
            return [0] * self.axes
        more = []
        for axis, (before, behind) in enumerate(self.pads(x)):
            size = x.shape[2 + axis] + before + behind - self._reach(axis)
            steps = math.ceil(size / self.strides[axis])
            # A window must not begin in what is added behind.
            if steps * self.strides[axis] >= x.shape[2 + axis] + before:
                steps -= 1
            more.append(max(0, steps * self.strides[axis] - size))
        return more

    def _reach(self, axis: int) -> int:
        return (self.size[axis] - 1) * self.dilations[axis] + 1

    def _same(self, size: int, axis: int) -> tuple[int, int]:
        steps = math.ceil(size / self.strides[axis]) - 1
        total = max(0, steps * self.strides[axis] + self._reach(axis) - size)
        less, more = total // 2, total - total // 2
        return (less, more) if self._auto == "SAME_UPPER" else (more, less)


def _padded(x: Tensor, pads: Sequence[tuple[int, int]], value: float) -> Tensor:
    flat = [one for pair in reversed(pads) for one in pair]
    return functional.pad(x, flat, value=value) if any(flat) else x


def convolution(call: OperatorCall) -> Tensor:
    """Weights (out, in / groups, …)."""
    window = _Window(call, call[1].shape[2:])
    x = _padded(call[0], window.pads(call[0]), 0.0)
    function = _CONVOLUTIONS[window.axes]
    groups = int(call.attribute("group", 1))
    return function(x, call[1], call.optional(2), window.strides, 0, window.dilations, groups)


def transposed_convolution(call: OperatorCall) -> Tensor:
    """Weights (in, out / groups, …); what is padded is cut from the result."""
    window = _Window(call, call[1].shape[2:])
    extra = [int(one) for one in call.attribute("output_padding", [0] * window.axes)]
    if call.attribute("output_shape", None) or str(call.attribute("auto_pad", "NOTSET")) != "NOTSET":
        raise ValueError("a size that is given, not padding, is not supported")
    groups = int(call.attribute("group", 1))
    x = _TRANSPOSED[window.axes](
        call[0], call[1], call.optional(2), window.strides, 0, 0, groups, window.dilations
    )
    pads = [(-before, more - behind) for (before, behind), more in zip(window.pads(x), extra, strict=True)]
    return _padded(x, pads, 0.0)


def max_pool(call: OperatorCall) -> Tensor:
    """Largest value of each window."""
    window = _Window(call, ())
    pads = [
        (before, behind + more)
        for (before, behind), more in zip(window.pads(call[0]), window.beyond(call[0]), strict=True)
    ]
    x = _padded(call[0], pads, -math.inf)
    return torch.as_tensor(_MAX_POOLS[window.axes](x, window.size, window.strides, 0, window.dilations))


def average_pool(call: OperatorCall) -> Tensor:
    """Mean of each window; without ``count_include_pad`` of the values that are inside."""
    window = _Window(call, ())
    pads, more = window.pads(call[0]), window.beyond(call[0])
    counted = bool(call.attribute("count_include_pad", 0))
    ones = torch.ones_like(call[0][:1, :1])
    inside = _padded(ones, pads, 1.0 if counted else 0.0)
    behind = [(0, one) for one in more]
    kernel = torch.ones([1, 1, *window.size])

    def summed(values: Tensor) -> Tensor:
        flat = values.reshape(-1, 1, *values.shape[2:])
        found = _CONVOLUTIONS[window.axes](
            _padded(flat, behind, 0.0), kernel, None, window.strides, 0, window.dilations
        )
        return found.reshape(*values.shape[:2], *found.shape[2:])

    return summed(_padded(call[0], pads, 0.0)) / summed(inside)


def _others(x: Tensor) -> list[int]:
    return list(range(2, x.dim()))


WINDOWS: dict[str, Operator] = {
    "AveragePool": average_pool,
    "Conv": convolution,
    "ConvTranspose": transposed_convolution,
    "GlobalAveragePool": lambda call: call[0].mean(_others(call[0]), keepdim=True),
    "GlobalMaxPool": lambda call: call[0].amax(_others(call[0]), keepdim=True),
    "MaxPool": max_pool,
}
"""Name -> operator."""
