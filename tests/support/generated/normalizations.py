"""Normalisations, whole and decomposed, and Softmax."""

from tests.support.generated.builder import GraphBuilder, Tensor
from tests.support.generated.layers import layer
from tests.support.generated.reductions import reduced

FEW = 4
"""With fewer elements, a normalisation gives little but signs."""


@layer(2, 3, 4, 5, weight=2.0)
def batch_normalization(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    channels = (x.shape[1],)
    scale, variance = (b.constant(b.rng.uniform(0.5, 1.5, channels)) for _ in range(2))
    return [b.add("BatchNormalization", [x, scale, b.bias(channels), b.bias(channels), variance], x.shape)]


@layer(3, 4, 5)
def instance_normalization(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    count = 1
    for length in x.shape[2:]:
        count *= length
    if count < FEW:
        return []
    scale = b.constant(b.rng.uniform(0.5, 1.5, (x.shape[1],)))
    return [b.add("InstanceNormalization", [x, scale, b.bias((x.shape[1],))], x.shape)]


@layer(3, 4, since=17, weight=2.5)
def layer_normalization(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    wide = x.shape[-1]
    if wide < FEW:
        return []
    scale = b.constant(b.rng.uniform(0.5, 1.5, (wide,)))
    inputs = [x, scale, *([b.bias((wide,))] if b.chance(0.7) else [])]
    return [b.add("LayerNormalization", inputs, x.shape, axis=-1)]


@layer(3)
def layer_normalization_in_parts(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    """As exporters before opset 17 write it, which ONNX Runtime fuses."""
    if x.shape[-1] < FEW:
        return []
    last = x.rank - 1
    mean = reduced(b, "ReduceMean", x, [last], keep=True)
    centred = b.add("Sub", [x, mean], x.shape)
    squared = b.add("Pow", [centred, b.scalar(2.0)], x.shape)
    variance = reduced(b, "ReduceMean", squared, [last], keep=True)
    shifted = b.add("Add", [variance, b.scalar(1e-5)], variance.shape)
    root = b.add("Sqrt", [shifted], variance.shape)
    normal = b.add("Div", [centred, root], x.shape)
    scaled = b.add("Mul", [normal, b.constant(b.rng.uniform(0.5, 1.5, (x.shape[-1],)))], x.shape)
    return [b.add("Add", [scaled, b.bias((x.shape[-1],))], x.shape)]


@layer(4, since=21)
def group_normalization(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    channels = x.shape[1]
    if channels % 2 or x.shape[2] * x.shape[3] < FEW:
        return []
    scale = b.constant(b.rng.uniform(0.5, 1.5, (channels,)))
    return [b.add("GroupNormalization", [x, scale, b.bias((channels,))], x.shape, num_groups=2)]


@layer(4)
def local_response(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    return [b.add("LRN", [x], x.shape, size=3)] if x.shape[1] >= 3 else []


@layer(2, 3, 4)
def softmax(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    """Over the last axis, where old and new opsets mean the same."""
    return [b.add(b.pick(["Softmax", "Softmax", "LogSoftmax"]), [x], x.shape, axis=x.rank - 1)]


@layer(3, 4, since=13)
def softmax_of_an_inner_axis(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    return [b.add("Softmax", [x], x.shape, axis=1)]


@layer(3, 4, until=12)
def softmax_of_all_later_axes(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    return [b.add("Softmax", [x], x.shape)]


@layer(2, 3)
def length_normalization(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    return [b.add("LpNormalization", [x], x.shape, axis=-1, p=2)] if x.shape[-1] >= FEW else []
