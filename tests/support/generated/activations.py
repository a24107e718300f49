"""Activations, and Clip with bounds of every kind."""

import numpy as np

from tests.support.generated.builder import GraphBuilder, Tensor
from tests.support.generated.layers import layer

PLAIN = ("Relu", "Sigmoid", "Tanh", "Elu", "Selu", "LeakyRelu", "HardSigmoid", "Softplus", "Softsign", "Abs")
NEW = {"HardSwish": 14, "Mish": 18, "Gelu": 20, "Celu": 12, "Erf": 9, "ThresholdedRelu": 10}


@layer(weight=3.0)
def relu(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    return [b.add("Relu", [x], x.shape)]


@layer(weight=2.0)
def activation(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    return [b.add(b.pick(PLAIN), [x], x.shape)]


@layer(weight=1.0)
def later_activation(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    known = [kind for kind, since in NEW.items() if b.opset >= since]
    if not known:
        return []
    kind = b.pick(known)
    attributes = {"alpha": 0.25} if kind == "ThresholdedRelu" else {}
    return [b.add(kind, [x], x.shape, **attributes)]


@layer()
def prelu(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    slope = (1,) if x.rank == 2 else (x.shape[1], *(1,) * (x.rank - 2))
    return [b.add("PRelu", [x, b.bias(slope)], x.shape)]


@layer()
def swish(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    return [b.add("Mul", [x, b.add("Sigmoid", [x], x.shape)], x.shape)]


@layer()
def microsoft_gelu(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    b.domains["com.microsoft"] = 1
    return [b.add("Gelu", [x], x.shape, domain="com.microsoft")]


@layer()
def relu_read_twice(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    """The tensor before a Relu has another reader."""
    y = b.add("Relu", [x], x.shape)
    return [b.add("Add", [x, y], x.shape)]


@layer(weight=2.0)
def clip(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    low, high = b.pick(
        [(0.0, 6.0), (0.0, 1.0), (-1.0, 1.0), (0.3, 2.0), (-2.0, -0.2), (0.0, None), (None, 0.5)]
    )
    if b.opset < 11:
        bounds = {"min": low, "max": high}
        return [b.add("Clip", [x], x.shape, **{key: one for key, one in bounds.items() if one is not None})]
    inputs = [x, "" if low is None else b.scalar(low), "" if high is None else b.scalar(high)]
    while not inputs[-1]:
        inputs.pop()
    return [b.add("Clip", inputs, x.shape)]


@layer(since=11)
def clip_to_a_computed_bound(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    if b.style.dtype is np.float16:
        return []
    mean = b.add("ReduceMean", [x], (), keepdims=0)
    high = b.add("Add", [mean, b.scalar(1.0)], ())
    return [b.add("Clip", [x, b.scalar(-1.0), high], x.shape)]


@layer()
def two_activations(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    y = b.add("Relu", [x], x.shape)
    if b.chance(0.5):
        return [b.add("Relu", [y], x.shape)]
    return clip(b, y)
