"""Which axis of a model's inputs and outputs counts the rows of a batch; in data it is always the first."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.fixed_batch import fixed_batch, padded, trimmed
from inc_mlflow.errors import ModelError
from inc_mlflow.records import SharedInput, TensorSpec

Sizes = Sequence[int | str | None] | None
"""Sizes of axes as a model declares them; a name or None is free, None instead of all is an unknown rank."""


@dataclass(frozen=True)
class RowAxes:
    """The axis of each input that counts rows; None where it takes one value for the whole batch.

    Of outputs it holds those that are known: the others have their rows first where they have rows. None is
    an output that belongs to the whole batch.
    """

    inputs: Mapping[str, int | None]
    outputs: Mapping[str, int | None] = field(default_factory=dict)
    declared: bool = False
    """Arrays are as the model declares them, with rows or without: none is filled up."""

    @property
    def first_everywhere(self) -> bool:
        """Rows are the first axis of all inputs, and of all outputs that are known."""
        return all(axis == 0 for axis in (*self.inputs.values(), *self.outputs.values()))

    def specs(self, inputs: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
        """Return the inputs as data has them, with the rows as first axis."""
        return tuple(_as_in_data(spec, self.inputs.get(spec.name, 0)) for spec in inputs)

    def rows_at_a_time(self, inputs: Sequence[TensorSpec]) -> int | None:
        """Return how many rows the model takes at a time; None where it takes any number."""
        if self.declared:
            return None
        if inputs and all(self.inputs.get(spec.name, 0) is None for spec in inputs):
            return 1
        return fixed_batch(spec.shape for spec in self.specs(inputs))

    def to_text(self) -> str:
        """Return the axes as JSON; equal axes give equal text."""
        axes: dict[str, object] = {"inputs": dict(self.inputs), "outputs": dict(self.outputs)}
        return json.dumps(axes | ({_DECLARED: True} if self.declared else {}), sort_keys=True)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Read what ``to_text`` wrote; raise ModelError for anything else."""
        try:
            found = json.loads(text)
            inputs, outputs = ({str(name): _axis(axis) for name, axis in found[key].items()} for key in _KEYS)
            return cls(inputs, outputs, declared=found.get(_DECLARED, False) is True)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ModelError(
                "model: its text about the axes of rows cannot be read; import it again"
            ) from error


_KEYS = ("inputs", "outputs")
_DECLARED = "declared"


def _axis(value: object) -> int | None:
    if value is not None and (type(value) is not int or value < 0):
        raise ValueError(value)
    return value


def rows_first(shape: Sizes, axis: int | None) -> Sizes:
    """Return the shape of an array whose rows are first, of one that has them at ``axis``."""
    if shape is None:
        return None
    return (None, *shape) if axis is None else (*shape[axis : axis + 1], *shape[:axis], *shape[axis + 1 :])


def _as_in_data(spec: TensorSpec, axis: int | None) -> TensorSpec:
    kind = SharedInput if axis is None else TensorSpec
    return kind(name=spec.name, dtype=spec.dtype, shape=rows_first(spec.shape, axis))


class RowsFirst:
    """Feeds batches whose arrays have their rows first, and gives outputs back in that form.

    Batches of a model with a fixed batch size are filled up and cut again.
    """

    def __init__(self, axes: RowAxes, batch: int | None) -> None:
        """``batch`` is the number of rows that the model takes at a time; None where it takes any."""
        self._axes, self._batch = axes, batch

    def fed(self, inputs: Arrays) -> Arrays:
        """Return the arrays as the model takes them.

        Raises ModelError where it takes one value for all rows and they have several, or where memory does
        not hold the batch.
        """
        return {name: self._placed(name, array) for name, array in padded(inputs, self._batch).items()}

    def given(self, name: str, value: np.ndarray, rows: int) -> np.ndarray:
        """Return an output with its ``rows`` rows first.

        One of the whole batch is that of its row where there is one, else it is returned unchanged. Raises
        ModelError where the output has not the axis that should count its rows.
        """
        axis = self._axes.outputs.get(name, 0)
        if axis is None:
            return np.asarray(value)[np.newaxis] if rows == 1 else value
        if axis and axis >= value.ndim:
            raise ModelError(
                f"model output {name!r}: has shape {value.shape}, so no axis {axis} that counts rows; "
                "correct data.axes"
            )
        return trimmed(np.moveaxis(value, axis, 0) if axis else value, rows, self._batch)

    def _placed(self, name: str, array: np.ndarray) -> np.ndarray:
        axis = self._axes.inputs.get(name, 0)
        if axis is None:
            return _one_value(name, array)
        return np.ascontiguousarray(np.moveaxis(array, 0, axis)) if axis else array


def _one_value(name: str, array: np.ndarray) -> np.ndarray:
    if len(array) > 1 and (array != array[:1]).any():
        raise ModelError(
            f"model input {name!r}: is one value for all rows of a batch, and they have several; "
            "use a batch of 1, or data: {axes: …} if an axis counts rows"
        )
    return np.asarray(array[0])
