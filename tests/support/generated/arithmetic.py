"""Elementwise arithmetic with constants and between tensors; denominators and logarithms stay away from zero."""

import numpy as np

from tests.support.generated.builder import GraphBuilder, Tensor
from tests.support.generated.layers import elements, layer


@layer(weight=2.0)
def with_constant(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    kind = b.pick(["Add", "Sub", "Mul", "Div"])
    shape = b.pick([(), (1,), (x.shape[-1],), (1,) * x.rank, (1, *x.shape[1:])])
    values = b.rng.uniform(0.5, 1.5, shape) * b.pick([1.0, -1.0])
    constant = b.constant(values)
    return [b.add(kind, [x, constant] if kind == "Div" else b.pick([[x, constant], [constant, x]]), x.shape)]


@layer(weight=4.0)
def with_another(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    other = b.other(x)
    kinds = ["Add", "Add", "Add", "Sub", "Mul", "Sum", "Mean"] + (["Min", "Max"] if b.opset >= 8 else [])
    return [b.add(b.pick(kinds), [x, other], x.shape)] if other else []


@layer()
def divided(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    other = b.other(x) or x
    positive = b.add("Add", [b.add("Abs", [other], x.shape), b.scalar(1.0)], x.shape)
    return [b.add("Div", [x, positive], x.shape)]


@layer()
def unary(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    kind = b.pick(["Neg", "Abs", "Sin", "Cos", "Atan", "Identity"])
    return [b.add(kind, [x], x.shape)]


@layer()
def powers(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    bounded = b.add("Tanh", [x], x.shape)
    kind = b.pick(["Pow", "Exp", "Sqrt", "Log", "Reciprocal"])
    if kind == "Pow":
        return [b.add("Pow", [bounded, b.scalar(b.pick([2.0, 3.0]))], x.shape)]
    if kind == "Exp":
        return [b.add("Exp", [bounded], x.shape)]
    return [b.add(kind, [b.add("Add", [bounded, b.scalar(2.0)], x.shape)], x.shape)]


@layer()
def limits(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    """Min and Max with a constant: a Clip in other words."""
    if b.opset < 8:
        return []
    constant = b.scalar(b.pick([-0.5, 0.0, 0.7]))
    return [b.add(b.pick(["Min", "Max"]), b.pick([[x, constant], [constant, x]]), x.shape)]


@layer()
def broadcast(b: GraphBuilder, x: Tensor) -> list[Tensor]:
    """A gate per channel, as in squeeze and excitation."""
    if elements(x) == x.shape[0] * x.shape[1]:
        return []
    if x.rank == 4:
        pooled = b.add("GlobalAveragePool", [x], (1, x.shape[1], 1, 1))
        weights = b.weight((x.shape[1], x.shape[1], 1, 1), x.shape[1])
        gate = b.add("Conv", [pooled, weights], pooled.shape)
        gate = b.add(b.pick(["Sigmoid", "HardSigmoid"]), [gate], gate.shape)
        return [b.add("Mul", b.pick([[x, gate], [gate, x]]), x.shape)]
    constant = b.constant(b.rng.uniform(0.5, 1.5, (1, x.shape[1], *(1,) * (x.rank - 2))).astype(np.float32))
    return [b.add("Mul", [x, constant], x.shape)]
