"""Rounding that lets gradients pass, and the parameters that training moves.

Rounding is straight through (Bengio et al. 2013, arXiv:1308.3432). Scales of activations are learned by their
logarithm, with the gradient scaled down as in LSQ (Esser et al. 2020, section 2.2). Scales of weights
follow from the weights themselves: the largest value of a channel keeps its place among the integers.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from inc_mlflow.engines.trainable import (
    ActivationScale,
    RoundedBias,
    RoundedWeight,
    TrainableGraph,
    TrainedValues,
)
from inc_mlflow.errors import ModelError

_TINY = 1e-12
"""Below it a channel of weights counts as zero and keeps its step."""
_GAIN = 20.0
"""Adam moves each parameter by about its rate, which is a far larger share of a weight, of some hundredths,
than of a scale that is learned by its logarithm. With this gain both move by about the same share."""
EIGHT_BITS = 8


def rounded(x: Tensor) -> Tensor:
    """Round half to even; the gradient is that of x, which must be finite."""
    return x + (x.round() - x).detach()


class RoundActivation(torch.autograd.Function):
    """An activation rounded with one step; one function, since its parts take most of a step's time.

    The gradient of the step is that of LSQ: integer minus exact value inside of the limits, else the integer.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, step: Tensor, low: float, high: float, damping: float) -> Tensor:
        """Return step * round(clip(x / step, low, high))."""
        exact = x / step
        within = torch.clamp(exact, low, high)
        integers = within.round()
        inside = within == exact
        ctx.save_for_backward(inside, torch.where(inside, integers - within, integers))
        ctx.damping = damping
        return integers * step

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        """Return the gradients of x and step."""
        inside, moved = ctx.saved_tensors
        (gradient,) = gradients
        return gradient * inside, (gradient * moved).sum() * ctx.damping, None, None, None


class WeightParameter:
    """One weight; ``levels`` is how many steps its largest value is, of each channel."""

    def __init__(self, weight: RoundedWeight, bits: int) -> None:
        self.value = torch.tensor(weight.values, dtype=torch.float32, requires_grad=True)
        self._zero = torch.tensor(weight.zero_points, dtype=torch.float32)
        self._low, self._high = float(weight.low), float(weight.high)
        self._still = torch.tensor(weight.steps, dtype=torch.float32)
        self._axes = [axis for axis, size in enumerate(self._still.shape) if size == 1]
        largest = self._largest(self.value.detach())
        self._levels = largest / self._still
        if bits < EIGHT_BITS and weight.layer:
            most = float(2 ** (bits - 1) - 1)
            self._levels = torch.full_like(self._levels, most)
            self._low, self._high = -most, most
            self._still = torch.where(largest > _TINY, largest / most, self._still)

    def steps(self) -> Tensor:
        """Return the step of each channel, in a shape that spreads over the weight."""
        largest = self._largest(self.value.detach())
        moving = (largest > _TINY) & (self._levels > _TINY)
        levels = torch.where(moving, self._levels, torch.ones_like(self._levels))
        return torch.where(moving, largest / levels, self._still.clamp_min(_TINY))

    def __call__(self) -> Tensor:
        """Return the weight as the candidate has it."""
        steps = self.steps()
        return (self._integers(steps) - self._zero) * steps

    def stored(self) -> tuple[np.ndarray, np.ndarray]:
        """Return integers and steps for the file."""
        with torch.no_grad():
            steps = self.steps()
            return self._integers(steps).numpy().astype(np.int64), steps.numpy()

    def _integers(self, steps: Tensor) -> Tensor:
        low, high = self._low - self._zero, self._high - self._zero
        return rounded(torch.clamp(self.value / steps, low, high)) + self._zero

    def _largest(self, value: Tensor) -> Tensor:
        return value.abs().amax(self._axes, keepdim=True) if self._axes else value.abs()


class ScaleParameter:
    """The scale of one or several activations, as its logarithm, divided by the gain."""

    def __init__(self, scale: ActivationScale) -> None:
        self.value = torch.tensor(np.log(scale.step) / _GAIN, dtype=torch.float32, requires_grad=True)
        self._first = (float(self.value.detach()), scale.step)
        self._zero, self._low, self._high = float(scale.zero_point), float(scale.low), float(scale.high)

    def step(self) -> float:
        """Return the step as the file has it: exactly the given one until training moves it."""
        value, step = self._first
        found = float(self.value.detach())
        return step if found == value else float(np.float32(np.exp(_GAIN * np.float64(found))))

    def __call__(self, x: Tensor) -> Tensor:
        """Round an activation."""
        exact = (_GAIN * self.value).exp()
        # The value is that of the file, the gradient that of the logarithm.
        step = exact + (torch.tensor(self.step(), dtype=torch.float32) - exact).detach()
        damping = 1 / np.sqrt(x.numel() * max(1.0, self._high))
        low, high = self._low - self._zero, self._high - self._zero
        found: Tensor = RoundActivation.apply(x, step, low, high, damping)  # type: ignore[no-untyped-call]
        return found


class BiasParameter:
    """A bias in steps of its layer's input times those of its weight, as the file keeps it."""

    def __init__(self, bias: RoundedBias, scale: ScaleParameter, weight: WeightParameter) -> None:
        self.value = torch.tensor(bias.values, dtype=torch.float32, requires_grad=True)
        self._scale, self._weight = scale, weight

    def __call__(self) -> Tensor:
        """Return the bias as the candidate has it."""
        steps = (self._weight.steps() * self._scale.step()).reshape(-1)
        return rounded(self.value / steps) * steps


class Parameters:
    """All that training moves, by the names of the graph."""

    def __init__(self, graph: TrainableGraph, bits: int) -> None:
        if bits < EIGHT_BITS:
            _check_narrow(graph, bits)
        self.weights = {name: WeightParameter(weight, bits) for name, weight in graph.weights.items()}
        self.scales = {name: ScaleParameter(scale) for name, scale in graph.scales.items()}
        self.biases = {
            name: BiasParameter(bias, self.scales[bias.scale], self.weights[bias.weight])
            for name, bias in graph.biases.items()
        }

    def tensors(self) -> list[Tensor]:
        """Return the tensors in a fixed order."""
        weights = [self.weights[name].value for name in sorted(self.weights)]
        scales = [self.scales[name].value for name in sorted(self.scales)]
        return [*weights, *scales, *(self.biases[name].value for name in sorted(self.biases))]

    def values(self) -> TrainedValues:
        """Return what the file needs."""
        return TrainedValues(
            {name: one.stored() for name, one in self.weights.items()},
            {name: one.value.detach().numpy() for name, one in self.biases.items()},
            {name: one.step() for name, one in self.scales.items()},
        )


def _check_narrow(graph: TrainableGraph, bits: int) -> None:
    """Raise ModelError where no layer, or one with weights around another zero, could have fewer bits."""
    layers = [weight for weight in graph.weights.values() if weight.layer]
    if not layers or any(weight.zero_points.any() for weight in layers):
        raise ModelError(
            f"weight_bits: {bits} bits need signed weights of layers; start from a recipe with signed weights"
        )
