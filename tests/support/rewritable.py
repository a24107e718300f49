"""Random small graphs of what the rules that make graphs faster look for in images, in any order, read once or twice."""

import numpy as np

from tests.support.drawing import Drawing, powers_of_two
from tests.support.imports import graph_of

CHANNELS, LENGTH, STEPS = 8, 8, 12
EXTRA_OUTPUT = 0.08
"""Chance that a tensor is an output of the graph as well."""


class Drawn(Drawing):
    """A chain of steps on images, some of which read an earlier tensor of equal shape."""

    def __init__(self, number: int, exact: bool = False) -> None:
        super().__init__(number, exact)
        self.shapes["x"] = (1, CHANNELS, LENGTH, LENGTH)
        last = "x"
        for _ in range(int(self.rng.integers(3, STEPS))):
            last = getattr(self, str(self.rng.choice(STEP_KINDS)))(last)
        self.add("Relu", [last], self.shapes[last], "y")
        extra = [name for name in self.shapes if name not in "xy" and self.rng.random() < EXTRA_OUTPUT]
        declared = {"y": None} | dict.fromkeys(extra)
        self.model = graph_of(self.nodes, self.constants, {"x": self.shapes["x"]}, declared)

    def affine(self, given):
        channels = self.shapes[given][1]
        shape = [(), (1,), (channels, 1, 1), (1, channels, 1, 1), (self.shapes[given][3],)][
            self.rng.integers(5)
        ]
        values = self.rng.uniform(0.3, 2, shape) * self.rng.choice([1, 1, 1, -1], shape)
        kind = str(self.rng.choice(["Add", "Sub", "Mul", "Div"]))
        inputs = [given, self.constant(values)]
        if kind != "Div" and self.rng.random() < 0.5:
            inputs.reverse()
        return self.add(kind, inputs, self.shapes[given])

    def clip(self, given):
        kind = str(self.rng.choice(["Relu", "Min", "Max", "Clip"]))
        ends = np.sort(self.rng.choice([-1.0, 0.0, 1.0, 3.0, 6.0], 2, replace=False))
        numbers = {"Relu": [], "Min": ends[1:], "Max": ends[:1], "Clip": ends}[kind]
        return self.add(kind, [given, *map(self.constant, numbers)], self.shapes[given])

    def swish(self, given):
        shape, six = self.shapes[given], self.constant(6.0)
        clipped = self.add(
            "Clip",
            [self.add("Add", [given, self.constant(3.0)], shape), self.constant(0.0), six],
            shape,
        )
        factor = given if self.rng.random() < 0.8 else self.other(given)
        if self.rng.random() < 0.5:
            return self.add("Mul", [factor, self.add("Div", [clipped, six], shape)], shape)
        return self.add("Div", [self.add("Mul", [clipped, factor], shape), six], shape)

    def convolution(self, given):
        _, channels, height, width = self.shapes[given]
        group = int(self.rng.choice([1, 2, channels]))
        size, pad = [(1, 0), (3, 1), (3, 0)][self.rng.integers(3)]
        size = size if min(height, width) >= size else 1
        pad = pad if size == 3 else 0
        weights = self.rng.standard_normal((channels, channels // group, size, size)) / size
        inputs = [given, self.constant(weights)]
        if self.rng.random() < 0.7:
            inputs.append(self.constant(self.rng.standard_normal(channels)))
        lengths = [length + 2 * pad - size + 1 for length in (height, width)]
        return self.add("Conv", inputs, (1, channels, *lengths), group=group, pads=[pad] * 4)

    def norm(self, given):
        channels = self.shapes[given][1]
        scale = self.rng.uniform(0.5, 1.5, channels) * self.rng.choice([1, 1, -1])
        shift, mean = self.rng.standard_normal((2, channels))
        variance = self.rng.uniform(0.5, 2, channels)
        given_by = (scale, shift, mean, powers_of_two(variance, 4.0) if self.exact else variance)
        epsilon = {"epsilon": 0.0} if self.exact else {}
        inputs = [given, *map(self.constant, given_by)]
        return self.add("BatchNormalization", inputs, self.shapes[given], **epsilon)

    def pool(self, given):
        _, channels, height, width = self.shapes[given]
        if min(height, width) < 4:
            return given
        kind = str(self.rng.choice(["MaxPool", "AveragePool"]))
        pad = int(self.rng.integers(2))
        more = {"count_include_pad": int(self.rng.integers(2))} if kind == "AveragePool" else {}
        lengths = [(length + 2 * pad - 3) // 2 + 1 for length in (height, width)]
        shape = (1, channels, *lengths)
        return self.add(kind, [given], shape, kernel_shape=[3, 3], strides=[2, 2], pads=[pad] * 4, **more)

    def join_and_slice(self, given):
        shape = self.shapes[given]
        joined = self.add("Concat", [self.other(given), given], (1, 2 * shape[1], *shape[2:]), axis=1)
        limits = [self.constant(np.array([one], np.int64)) for one in (shape[1], 2 * shape[1], 1)]
        return self.add("Slice", [joined, *limits], shape)

    def twice(self, given):
        return self.add("Add", [given, self.other(given)], self.shapes[given])


STEP_KINDS = [
    *("affine", "affine", "affine", "clip", "clip", "swish", "convolution", "convolution", "norm", "pool"),
    *("join_and_slice", "twice"),
]
