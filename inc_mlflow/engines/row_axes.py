"""Which axis of a model's inputs and outputs counts the rows of a batch; in data it is always the first.

Most models have it first too. A state of a recurrent model is often (layers, rows, size), and time may come
before the rows: fed as it is, such an array would be read with its axes exchanged.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.fixed_batch import fixed_batch, padded, trimmed
from inc_mlflow.errors import ModelError
from inc_mlflow.records import TensorSpec

Axes = Sequence[int | str | None] | None


class RowAxes:
    """Feeds batches whose arrays have their rows first, and gives outputs back in that form.

    Batches of a model with a fixed batch size are filled up and cut again.
    """

    def __init__(self, inputs: Mapping[str, Axes], outputs: Mapping[str, Axes]) -> None:
        self._inputs = input_axes(inputs)
        rows = _rows_name(inputs)
        self._outputs = {name: _axis_named(shape, rows) for name, shape in outputs.items()}
        self._batch = fixed_batch(rows_first(inputs[name], axis) for name, axis in self._inputs.items())

    def fed(self, inputs: Arrays) -> Arrays:
        """Return the arrays as the model takes them.

        Raises ModelError where it takes one value for all rows and they have several, or where memory does
        not hold the batch.
        """
        return {name: self._placed(name, array) for name, array in padded(inputs, self._batch).items()}

    def given(self, name: str, value: np.ndarray, rows: int) -> np.ndarray:
        """Return an output with its ``rows`` rows first; one that has none is returned unchanged."""
        axis = self._outputs.get(name)
        return trimmed(np.moveaxis(value, axis, 0) if axis else value, rows, self._batch)

    def _placed(self, name: str, array: np.ndarray) -> np.ndarray:
        axis = self._inputs.get(name, 0)
        if axis is None and array.ndim == 1:
            if (array != array[:1]).any():
                raise ModelError(
                    f"model input {name!r}: is one value for all rows of a batch, and they have several; "
                    "use a batch of 1"
                )
            return np.asarray(array[0])
        return np.ascontiguousarray(np.moveaxis(array, 0, axis)) if axis else array


def rows_first_specs(inputs: Sequence[TensorSpec]) -> tuple[TensorSpec, ...]:
    """Return the inputs as data has them, with the rows as first axis."""
    axes = input_axes({spec.name: spec.shape for spec in inputs})
    return tuple(
        spec.model_copy(update={"shape": rows_first(spec.shape, axes[spec.name])}) for spec in inputs
    )


def input_axes(inputs: Mapping[str, Axes]) -> dict[str, int | None]:
    """Return the axis of each input that counts the rows; None for a scalar, which has one value for all.

    It is the first one, but for two: where the first axis of another input has a name, the axis of that name;
    where it is free and has none, the only free axis behind a fixed one. Where no input has axes, none is
    taken for a scalar: a session may tell of an unknown shape as of that of a scalar.
    """
    rows = _rows_name(inputs)
    free = any(shape and not isinstance(shape[0], int) for shape in inputs.values())
    scalar = None if any(inputs.values()) else 0
    return {
        name: _input_axis(shape, rows, free) if shape or shape is None else scalar
        for name, shape in inputs.items()
    }


def rows_first(shape: Axes, axis: int | None) -> Axes:
    """Return the shape of an array whose rows are first, of one that has them at ``axis``."""
    if axis is None:
        return (None,)
    return shape and (shape[axis], *shape[:axis], *shape[axis + 1 :])


def _input_axis(shape: Axes, rows: str | None, free: bool) -> int:
    if shape is None:
        return 0
    unnamed = [axis for axis, size in enumerate(shape) if not size]
    if free and isinstance(shape[0], int) and len(unnamed) == 1:
        return unnamed[0]
    return _axis_named(shape, rows)


def _axis_named(shape: Axes, rows: str | None) -> int:
    """Return the axis of that name; the first where there is none, or several."""
    found = [axis for axis, size in enumerate(shape or ()) if rows and size == rows]
    return found[0] if len(found) == 1 else 0


def _rows_name(inputs: Mapping[str, Axes]) -> str | None:
    """Return the name of the first input's first axis, if no other axis of it has the same."""
    first = next((shape for shape in inputs.values() if shape), ())
    name = first[0] if first else None
    return name if isinstance(name, str) and list(first).count(name) == 1 else None
