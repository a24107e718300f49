"""Models that insist on a number of rows: batches are filled up before, and cut after a call."""

from collections.abc import Iterable, Sequence

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import ModelError
from inc_mlflow.memory import free_bytes, gigabytes

_LARGE = 2**28
"""Bytes below which memory is not asked for: it takes longer than a small model."""


def fixed_batch(shapes: Iterable[Sequence[int | str | None] | None]) -> int | None:
    """Return the number of rows that a model insists on, or None where it takes any."""
    sizes = {shape[0] for shape in shapes if shape and isinstance(shape[0], int)}
    return sizes.pop() if len(sizes) == 1 else None


def padded(inputs: Arrays, batch: int | None) -> Arrays:
    """Repeat the last row until the model has the rows it insists on.

    ModelError where memory does not hold them.
    """
    rows = len(next(iter(inputs.values())))
    if batch is None or rows >= batch:
        return inputs
    check_memory("model", batch, sum(array[-1:].nbytes for array in inputs.values()))
    return {
        name: np.concatenate([array, np.repeat(array[-1:], batch - rows, 0)])
        for name, array in inputs.items()
    }


def check_memory(model: object, batch: int, row_bytes: int) -> None:
    """Refuse a model that insists on more rows than memory holds."""
    size = batch * row_bytes
    if size > _LARGE and size > (free := free_bytes()):
        raise ModelError(
            f"{model}: takes {batch} rows at a time, {gigabytes(size)}, and {gigabytes(free)} of memory are left; "
            "export it with a free batch, or a smaller one"
        )


def trimmed(value: np.ndarray, rows: int, batch: int | None) -> np.ndarray:
    """Take the rows that ``padded`` added away again.

    As it is where the first axis is not that of the batch.
    """
    return value[:rows] if batch is not None and rows < batch and len(value) == batch else value
