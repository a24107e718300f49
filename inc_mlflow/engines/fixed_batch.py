"""Models with a fixed batch size: batches are filled up before a call and cut afterwards."""

from collections.abc import Iterable, Sequence

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import ModelError
from inc_mlflow.memory import free_bytes, gigabytes

_LARGE = 2**28
"""Bytes below which free memory is not looked up: that takes longer than running a small model."""


def fixed_batch(shapes: Iterable[Sequence[int | str | None] | None]) -> int | None:
    """Return the batch size that the input shapes fix; None where a model takes any number of rows."""
    sizes = {shape[0] for shape in shapes if shape and isinstance(shape[0], int)}
    return sizes.pop() if len(sizes) == 1 else None


def row_count(inputs: Arrays) -> int:
    """Return the number of rows of a batch: the first axis of the first input that has axes, else 1."""
    return next((len(array) for array in inputs.values() if array.ndim), 1)


def padded(inputs: Arrays, batch: int | None) -> Arrays:
    """Repeat the last row until the batch has the size that the model needs.

    Raises ModelError where memory does not hold the batch.
    """
    rows = row_count(inputs)
    if batch is None or rows >= batch:
        return inputs
    check_memory("model", batch, sum(array[-1:].nbytes for array in inputs.values() if array.ndim))
    return {
        name: np.concatenate([array, np.repeat(array[-1:], batch - rows, 0)]) if array.ndim else array
        for name, array in inputs.items()
    }


def check_memory(model: object, batch: int, row_bytes: int) -> None:
    """Raise ModelError where a batch of the model's fixed size does not fit into free memory."""
    size = batch * row_bytes
    if size > _LARGE and size > (free := free_bytes()):
        raise ModelError(
            f"{model}: takes {batch} rows at a time, {gigabytes(size)}, and {gigabytes(free)} of memory "
            "are left; export it with a free batch, or a smaller one"
        )


def trimmed(value: np.ndarray, rows: int, batch: int | None) -> np.ndarray:
    """Cut the rows that ``padded`` added from one output.

    An output whose first axis is not the batch, or that has no axes, is returned unchanged.
    """
    return value[:rows] if batch is not None and rows < batch and value.shape[:1] == (batch,) else value
