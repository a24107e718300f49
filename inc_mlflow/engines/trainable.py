"""The role of a candidate that can be trained: a graph as plain data, which a framework can differentiate."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.spec.training import TrainingSpec


@dataclass(frozen=True)
class Operation:
    """One node of a graph; the name of an input that is left out is empty."""

    name: str
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]
    """Numbers, texts, lists of these, and arrays."""


@dataclass(frozen=True)
class Rounding:
    """An activation that is rounded to integers with the scale called ``scale``."""

    source: str
    output: str
    scale: str


@dataclass(frozen=True)
class RoundedWeight:
    """A weight and how it is rounded: step * (clip(round(value / step) + zero, low, high) - zero).

    ``steps`` and ``zero_points`` have a shape that spreads over ``values``, which are the baseline's where
    the candidate is their rounding.
    """

    values: np.ndarray
    steps: np.ndarray
    zero_points: np.ndarray
    low: int
    high: int
    layer: bool
    """Whether a layer multiplies with it: what fewer bits are meant for."""


@dataclass(frozen=True)
class ActivationScale:
    """How activations are rounded; several tensors may share a scale."""

    step: float
    zero_point: int
    low: int
    high: int


@dataclass(frozen=True)
class RoundedBias:
    """A bias in steps of an activation's scale times those of a weight."""

    values: np.ndarray
    scale: str
    weight: str


@dataclass(frozen=True)
class TrainableGraph:
    """A candidate, or a baseline, whose graph rounds nothing; tensors are known by name."""

    steps: tuple[Operation | Rounding, ...]
    constants: Mapping[str, np.ndarray]
    weights: Mapping[str, RoundedWeight]
    biases: Mapping[str, RoundedBias]
    scales: Mapping[str, ActivationScale]
    inputs: tuple[str, ...]
    outputs: Mapping[str, str]
    """Name of each output -> the tensor that it is."""


@dataclass(frozen=True)
class TrainedValues:
    """What training gives: ``weights`` as (integers, steps), floats for biases, steps for activations."""

    weights: Mapping[str, tuple[np.ndarray, np.ndarray]]
    biases: Mapping[str, np.ndarray]
    scales: Mapping[str, float]


class Trainable(Protocol):
    """Reads candidates as graphs of plain data, and writes them back."""

    def read(self, candidate: Path, baseline: Path) -> TrainableGraph:
        """Return a candidate's graph; raise ModelError where it has something that cannot be trained."""
        ...

    def exact(self, model: Path, batches: Iterable[Arrays]) -> Iterator[Arrays]:
        """Yield the outputs of each batch, computed node by node as the file says, without fusions."""
        ...

    def write(self, candidate: Path, values: TrainedValues, target: Path) -> None:
        """Write the candidate with other values into the same nodes; equal values give equal bytes."""
        ...


@dataclass(frozen=True)
class TrainingCost:
    """CPU seconds of a training: once, and for each epoch."""

    once: float
    epoch: float


TRAINING_FACTS = "training.json"
"""File beside a trained candidate, which says how it was trained."""


@dataclass(frozen=True)
class TuningOutcome:
    """What a model does on the tuning split, beside the baseline."""

    scores: np.ndarray
    """By the metric, higher is better: one of each row, or one of all of them."""
    distances: np.ndarray
    """Of the float outputs from the baseline's, of each row; the first rows may be enough."""


@dataclass(frozen=True)
class TrainingData:
    """What a method that trains may use beside."""

    rows: Callable[[], Iterator[tuple[Arrays, np.ndarray | None]]]
    """A pass over the training split: batches of inputs and labels."""
    fixed_batch: int | None
    """How many rows the model takes at a time; None where it takes any number."""
    rows_first: bool
    """Whether all inputs and outputs have their rows as first axis."""
    spec: TrainingSpec
    loss: Callable[..., Any] | None
    """The user's function, where the job names one."""
    output: str | None
    """The output that the metric reads; None where it is the first one."""
    score: Callable[[Path], TuningOutcome]
    state: Path | None
    """Folder for checkpoints, which outlives a kill; None where there is none."""
    zeros: int = 0
    """How many weights the stage before has made zero, as its record counts them; those stay zero."""
