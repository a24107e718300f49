"""Operators that work on each value by itself."""

import math
from functools import reduce

import torch
from torch import Tensor
from torch.nn import functional

from inc_mlflow.training.operators.call import Operator, OperatorCall


def clip(call: OperatorCall) -> Tensor:
    """Bounds are operands, or attributes before version 11."""
    low, high = call.optional(1), call.optional(2)
    x = call[0]
    low = low if low is not None else _number(x, call.attribute("min", None))
    high = high if high is not None else _number(x, call.attribute("max", None))
    return x if low is None and high is None else torch.clamp(x, low, high)


def _number(like: Tensor, value: float | None) -> Tensor | None:
    return None if value is None else torch.tensor(value, dtype=like.dtype)


def divide(call: OperatorCall) -> Tensor:
    """Whole numbers are divided towards zero."""
    whole = not call[0].is_floating_point()
    return torch.div(call[0], call[1], rounding_mode="trunc" if whole else None)


def remainder(call: OperatorCall) -> Tensor:
    """The sign is that of the divisor, or with ``fmod`` that of the dividend."""
    return (torch.fmod if call.attribute("fmod", 0) else torch.remainder)(call[0], call[1])


def gelu(call: OperatorCall) -> Tensor:
    """Of the error function, or its approximation by tanh."""
    return functional.gelu(call[0], approximate=call.attribute("approximate", "none"))


def hard_sigmoid(call: OperatorCall) -> Tensor:
    """Return max(0, min(1, alpha x + beta))."""
    return torch.clamp(call.attribute("alpha", 0.2) * call[0] + call.attribute("beta", 0.5), 0, 1)


def hard_swish(call: OperatorCall) -> Tensor:
    """Return x max(0, min(1, x / 6 + 1 / 2))."""
    return call[0] * torch.clamp(call[0] / 6 + 0.5, 0, 1)


def cast(call: OperatorCall) -> Tensor:
    """Change the type; floats of another width stay what training computes with."""
    kind = getattr(torch, str(call.attributes["to"]))
    kind = torch.float32 if kind.is_floating_point else kind
    return call[0].to(kind)


def prelu(call: OperatorCall) -> Tensor:
    """Negative values are multiplied by a slope."""
    return torch.where(call[0] >= 0, call[0], call[0] * call[1])


def leaky_relu(call: OperatorCall) -> Tensor:
    """Negative values are multiplied by ``alpha``."""
    return functional.leaky_relu(call[0], call.attribute("alpha", 0.01))


def elu(call: OperatorCall) -> Tensor:
    """Negative values approach -``alpha``."""
    return functional.elu(call[0], call.attribute("alpha", 1.0))


def selu(call: OperatorCall) -> Tensor:
    """Return gamma (x, or alpha (exp x - 1) where x is negative)."""
    alpha = call.attribute("alpha", 1.67326319217681884765625)
    gamma = call.attribute("gamma", 1.05070102214813232421875)
    found: Tensor = gamma * torch.where(call[0] > 0, call[0], alpha * torch.expm1(call[0].clamp(max=0)))
    return found


def thresholded_relu(call: OperatorCall) -> Tensor:
    """Values up to ``alpha`` are zero."""
    return torch.where(call[0] > call.attribute("alpha", 1.0), call[0], torch.zeros_like(call[0]))


def mish(call: OperatorCall) -> Tensor:
    """Return x tanh(softplus x)."""
    return functional.mish(call[0])


ELEMENTWISE: dict[str, Operator] = {
    "Abs": lambda call: call[0].abs(),
    "Add": lambda call: call[0] + call[1],
    "And": lambda call: torch.logical_and(call[0], call[1]),
    "Cast": cast,
    "Ceil": lambda call: call[0].ceil(),
    "Clip": clip,
    "Cos": lambda call: call[0].cos(),
    "Div": divide,
    "Dropout": lambda call: call[0],
    "Elu": elu,
    "Equal": lambda call: call[0] == call[1],
    "Erf": lambda call: call[0].erf(),
    "Exp": lambda call: call[0].exp(),
    "Floor": lambda call: call[0].floor(),
    "Gelu": gelu,
    "Greater": lambda call: call[0] > call[1],
    "GreaterOrEqual": lambda call: call[0] >= call[1],
    "HardSigmoid": hard_sigmoid,
    "HardSwish": hard_swish,
    "Identity": lambda call: call[0],
    "IsNaN": lambda call: call[0].isnan(),
    "LeakyRelu": leaky_relu,
    "Less": lambda call: call[0] < call[1],
    "LessOrEqual": lambda call: call[0] <= call[1],
    "Log": lambda call: call[0].log(),
    "Max": lambda call: reduce(torch.maximum, call.given()),
    "Mean": lambda call: reduce(torch.add, call.given()) / len(call.given()),
    "Min": lambda call: reduce(torch.minimum, call.given()),
    "Mish": mish,
    "Mod": remainder,
    "Mul": lambda call: call[0] * call[1],
    "Neg": lambda call: -call[0],
    "Not": lambda call: torch.logical_not(call[0]),
    "Or": lambda call: torch.logical_or(call[0], call[1]),
    "PRelu": prelu,
    "Pow": lambda call: call[0] ** call[1],
    "Reciprocal": lambda call: call[0].reciprocal(),
    "Relu": lambda call: call[0].relu(),
    "Round": lambda call: call[0].round(),
    "Selu": selu,
    "Sigmoid": lambda call: call[0].sigmoid(),
    "Sign": lambda call: call[0].sign(),
    "Sin": lambda call: call[0].sin(),
    "Softplus": lambda call: functional.softplus(call[0], threshold=math.inf),
    "Softsign": lambda call: functional.softsign(call[0]),
    "Sqrt": lambda call: call[0].sqrt(),
    "Sub": lambda call: call[0] - call[1],
    "Sum": lambda call: reduce(torch.add, call.given()),
    "Tanh": lambda call: call[0].tanh(),
    "ThresholdedRelu": thresholded_relu,
    "Where": lambda call: torch.where(call[0].bool(), call[1], call[2]),
    "Xor": lambda call: torch.logical_xor(call[0], call[1]),
}
"""Name -> operator."""
