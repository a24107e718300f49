"""What training makes small: the task by labels, closeness to the baseline, or the user's own function.

A loss reads the tensor before a last operator that makes probabilities: gradients do not vanish there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import CallableError, DataError, ModelError
from inc_mlflow.training.tensors import OutputKind

_LEAST = 1e-6
"""Probabilities this close to 0 or 1 count as that."""


class Readable(Protocol):
    """A network whose outputs a loss can read."""

    @property
    def output_tensors(self) -> Mapping[str, str]:
        """Name of each output -> the tensor that it is."""
        ...

    def before_probabilities(self, output: str) -> tuple[str, OutputKind]:
        """Return the tensor that the loss of an output reads, and what the output makes of it."""
        ...


@dataclass(frozen=True)
class SoftLabels:
    """How closeness to the teacher counts: at a temperature, beside the task with ``weight`` of 1."""

    temperature: float = 1.0
    weight: float = 0.5


@dataclass(frozen=True)
class _Output:
    """One output of floats: what its loss reads, what it is, and the size of the baseline's values."""

    name: str
    tensor: str
    kind: OutputKind
    size: float


class Objective:
    """The loss of a batch. ``name`` says which one it is.

    ``sample`` are outputs of the baseline, ``labels`` those of all rows. Raises DataError where labels do not
    fit the loss, ModelError where no output is a float.
    """

    def __init__(
        self,
        network: Readable,
        loss: str,
        output: str | None,
        sample: Arrays,
        labels: np.ndarray | None,
        soft: SoftLabels = SoftLabels(),
    ) -> None:
        floats = [name for name in network.output_tensors if sample[name].dtype.kind == "f"]
        if not floats:
            raise ModelError("training: no output of the model is a float, so nothing can be learned from it")
        self._outputs = [_described(network, name, sample[name]) for name in floats]
        first = next((one for one in self._outputs if one.name == output), self._outputs[0])
        fit = _fitting(first, sample[first.name], labels)
        self._task = _chosen(loss, fit, first, labels)
        self._first = first
        shared = loss == "auto" and self._task is not None
        self._share = 1 - soft.weight if shared else float(self._task is not None)
        self._temperature = soft.temperature
        self.name = f"{self._task} and distillation" if shared else self._task or "distillation"
        self.wanted = {one.tensor for one in self._outputs}

    @property
    def is_closeness(self) -> bool:
        """Whether closeness to the reference is all that counts."""
        return self._task is None

    @property
    def reads_reference(self) -> bool:
        """Whether the reference counts at all."""
        return self._share < 1

    def __call__(self, found: Mapping[str, Tensor], labels: np.ndarray | None, reference: Arrays) -> Tensor:
        """Return the mean loss of a batch, by the network's tensors and the baseline's outputs."""
        loss = torch.zeros(())
        if self._task is not None and labels is not None:
            loss = self._share * _TASKS[self._task](found[self._first.tensor], torch.from_numpy(labels))
        if self._share < 1:
            close = [self._close(one, found[one.tensor], reference[one.name]) for one in self._outputs]
            loss = loss + (1 - self._share) * torch.stack(close).mean()
        return loss

    def _close(self, one: _Output, found: Tensor, reference: np.ndarray) -> Tensor:
        """Return the distance of an output from the baseline's."""
        true = torch.from_numpy(np.ascontiguousarray(reference, np.float32)).reshape(found.shape)
        if one.kind == "values" and one is self._first and self._task == "cross_entropy":
            return _divergence(found, true.log_softmax(1), self._temperature)
        if one.kind in ("classes", "logarithms"):
            logarithms = true if one.kind == "logarithms" else true.clamp_min(_LEAST).log()
            return _divergence(found, logarithms, self._temperature)
        if one.kind == "binary":
            return functional.binary_cross_entropy_with_logits(found, true.clamp(0, 1)) - _entropy(true)
        return ((found - true) ** 2).mean() / one.size


def _divergence(found: Tensor, true: Tensor, temperature: float) -> Tensor:
    """Kullback-Leibler divergence of classes in axis 1, or in the only one; mean over all others.

    At a temperature it is multiplied with its square, so that gradients keep their size (Hinton et al.,
    2015, section 2).
    """
    axis = 1 if found.dim() > 1 else 0
    if temperature != 1:
        softer = _divergence(found / temperature, (true / temperature).log_softmax(axis), 1)
        return softer * temperature**2
    each = (true.exp() * (true - found.log_softmax(axis))).sum(axis)
    return each.mean()


def _entropy(true: Tensor) -> Tensor:
    sure = true.clamp(_LEAST, 1 - _LEAST)
    return -(sure * sure.log() + (1 - sure) * (1 - sure).log()).mean()


def _described(network: Readable, name: str, sample: np.ndarray) -> _Output:
    tensor, kind = network.before_probabilities(name)
    size = float(np.var(sample, dtype=np.float64)) or 1.0
    return _Output(name, tensor, kind, size)


def _cross_entropy(found: Tensor, labels: Tensor) -> Tensor:
    if found.dim() == 1 or found.shape[1] == 1:
        return functional.binary_cross_entropy_with_logits(found.reshape(-1), labels.reshape(-1).float())
    return functional.cross_entropy(found, labels.long())


_TASKS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "cross_entropy": _cross_entropy,
    "binary_cross_entropy": lambda found, labels: functional.binary_cross_entropy_with_logits(
        found, labels.float().reshape(found.shape)
    ),
    "mse": lambda found, labels: functional.mse_loss(found, labels.float().reshape(found.shape)),
}


def _fitting(first: _Output, sample: np.ndarray, labels: np.ndarray | None) -> dict[str, str]:
    """Return by loss why it does not fit; those that fit are left out."""
    if labels is None:
        return dict.fromkeys(_TASKS, "the split has no labels")
    unfit = {}
    classes = sample.shape[1] if sample.ndim > 1 else 1
    shape = sample.shape[2:]
    many = labels[:1].size == sample[:1].size
    if labels.dtype.kind not in "iub" or labels.shape[1:] != shape:
        unfit["cross_entropy"] = (
            f"labels are {labels.dtype}, shape {labels.shape[1:]}, not the number of a class"
        )
    elif labels.size and not (labels.min() >= 0 and labels.max() < max(2, classes)):
        unfit["cross_entropy"] = (
            f"labels go from {labels.min()} to {labels.max()}, classes from 0 to {classes - 1}"
        )
    if (
        not many
        or labels.dtype.kind not in "iubf"
        or (labels.size and not (0 <= labels.min() <= labels.max() <= 1))
    ):
        unfit["binary_cross_entropy"] = "labels are not numbers from 0 to 1, one for each value of the output"
    if not many or labels.dtype.kind not in "iubf":
        unfit["mse"] = "labels are not one number for each value of the output"
    return unfit


def _chosen(loss: str, unfit: Mapping[str, str], first: _Output, labels: np.ndarray | None) -> str | None:
    """Return the task's loss, None for closeness alone; raise DataError where labels do not fit it."""
    if loss == "distillation" or (labels is None and loss == "auto"):
        return None
    if loss == "auto":
        tried = ["cross_entropy"] + (["binary_cross_entropy"] if first.kind == "binary" else [])
        return next((one for one in tried if one not in unfit), None)
    if loss in unfit:
        raise DataError(f"data.training: {unfit[loss]}, which {loss} of output {first.name!r} needs")
    return loss


class OwnLoss:
    """The user's function: (outputs, labels, baseline's outputs) as tensors -> the loss as a tensor."""

    name = "callable"
    reads_reference = True

    def __init__(self, function: Callable[..., Any], network: Readable) -> None:
        self._function, self._names = function, network.output_tensors
        self.wanted = set(self._names.values())

    def __call__(self, found: Mapping[str, Tensor], labels: np.ndarray | None, reference: Arrays) -> Tensor:
        """Return the user's loss; raise CallableError where the function fails or gives no single number."""
        outputs = {name: found[tensor] for name, tensor in self._names.items()}
        given = None if labels is None else torch.from_numpy(labels)
        true = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in reference.items()}
        loss = self._function(outputs, given, true)
        if not isinstance(loss, Tensor) or loss.numel() != 1:
            raise CallableError(
                f"training.loss: gives {type(loss).__name__}; return a tensor with one number"
            )
        return loss.reshape(())


def check_gradient(loss: Tensor) -> None:
    """Raise ModelError where a loss has no gradient."""
    if not loss.requires_grad:
        raise ModelError(
            "training: the loss has no gradient: it does not depend on what is trained; correct training.loss"
        )
