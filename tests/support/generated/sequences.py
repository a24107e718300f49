"""Recurrent layers and attention with every kind of mask."""

import numpy as np

from tests.support.generated.builder import GraphBuilder, Tensor
from tests.support.generated.layers import layer

GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
MASKS = (-np.inf, -1e4, -1e9, float(np.finfo(np.float32).min))
HALF = 6e4
"""Beyond it lies no half-precision number."""


@layer(3, weight=4.0)
def recurrent(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    kind, hidden = b.pick(list(GATES)), b.pick([2, 4])
    direction = b.pick(["forward", "reverse", "bidirectional"])
    ways = 2 if direction == "bidirectional" else 1
    length, wide = x.shape[1:]
    turned = b.add("Transpose", [x], (length, 1, wide), perm=[1, 0, 2])
    rows = GATES[kind] * hidden
    inputs = [turned, b.weight((ways, rows, wide), wide), b.weight((ways, rows, hidden), hidden)]
    if b.chance(0.6):
        inputs.append(b.bias((ways, 2 * rows)))
    attributes = {"hidden_size": hidden, "direction": direction}
    if kind == "GRU" and b.chance(0.5):
        attributes["linear_before_reset"] = 1
    every, last = b.nodes_of(kind, inputs, 2, **attributes)
    if b.chance(0.3):
        turned = b.add("Transpose", [last], (1, ways, hidden), perm=[1, 0, 2])
        return [b.add("Reshape", [turned, b.integers(-1, ways * hidden)], (1, ways * hidden))]
    first = b.add("Transpose", [every], (1, length, ways, hidden), perm=[2, 0, 1, 3])
    return [b.add("Reshape", [first, b.integers(0, 0, -1)], (1, length, ways * hidden))]


@layer(3, weight=2.5)
def attention(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    length, wide = x.shape[1:]
    q, k, v = (b.add("MatMul", [x, b.weight((wide, wide), wide)], x.shape) for _ in range(3))
    turned = b.add("Transpose", [k], (1, wide, length), perm=[0, 2, 1])
    raw = b.add("MatMul", [q, turned], (1, length, length))
    scores = b.add("Div", [raw, b.scalar(float(wide) ** 0.5)], raw.shape)
    if b.chance(0.75):
        scores = _masked(b, scores)
    weights = b.add("Softmax", [scores], scores.shape, axis=2)
    mixed = b.add("MatMul", [weights, v], x.shape)
    out = b.add("MatMul", [mixed, b.weight((wide, wide), wide)], x.shape)
    return [b.add("Add", [x, out], x.shape)] if b.chance(0.6) else [out]


@layer(2, 3)
def embedding(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    """A table of vectors read by an integer input, and added."""
    words, wide = 11, x.shape[-1]
    ids = b.input(b.rng.integers(0, words, (b.rows, *x.shape[1:-1])))
    table = b.weight((words, wide), 1)
    vectors = b.add("Gather", [table, ids], x.shape, axis=0)
    return [vectors, b.add("Add", [x, vectors], x.shape)]


def _masked(b: GraphBuilder, scores: Tensor) -> Tensor:
    """Hide some positions: by Where or Add, by a mask that is constant or an input."""
    value = b.pick(MASKS)
    if b.style.dtype is np.float16:
        value = max(value, -HALF)
    length = scores.shape[-1]
    if b.chance(0.5):
        return _masked_by_input(b, scores, value)
    hidden = np.triu(np.ones((1, length, length), bool), 1)
    if b.opset >= 9 and b.chance(0.5):
        return b.add("Where", [b.constant(hidden), b.scalar(value), scores], scores.shape)
    return b.add("Add", [scores, b.constant(np.where(hidden, value, 0.0))], scores.shape)


def _masked_by_input(b: GraphBuilder, scores: Tensor, value: float) -> Tensor:
    length = scores.shape[-1]
    shown = np.ones((b.rows, length), np.int64)
    for row in shown:
        row[int(b.rng.integers(1, length + 1)) :] = 0
    mask = b.input(shown)
    floats = b.add("Cast", [mask], mask.shape, to=b.float_type)
    axes = [1]
    if b.opset < 13:
        wide = b.add("Unsqueeze", [floats], (1, 1, length), axes=axes)
    else:
        wide = b.add("Unsqueeze", [floats, b.integers(*axes)], (1, 1, length))
    hidden = b.add("Sub", [b.scalar(1.0), wide], wide.shape)
    if not np.isfinite(value):
        value = -1e4
    bias = b.add("Mul", [hidden, b.scalar(value)], wide.shape)
    return b.add("Add", [scores, bias], scores.shape)
