"""Rows made from the declared shapes of a model's inputs, where there are no data."""

from collections.abc import Iterator, Sequence

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import ModelError
from inc_mlflow.records import TensorSpec

SIZES = (8, 32, 224, 2)
"""Sizes that free axes are given, one after the other until the model takes them; the batch is 1."""


def generated_rows(inputs: Sequence[TensorSpec], size: int, count: int) -> list[Arrays]:
    """Return ``count`` batches of one row; all free axes but the first have ``size``.

    Floats are normally distributed, bytes are 0 to 255, other integers 0 or 1: they may be indices. Raises
    ModelError where an input has no declared rank.
    """
    generator = np.random.default_rng(0)
    return [{spec.name: _values(spec, size, generator) for spec in inputs} for _ in range(count)]


def _values(spec: TensorSpec, size: int, generator: np.random.Generator) -> np.ndarray:
    if spec.shape is None:
        raise ModelError(f"model input {spec.name!r}: declares no shape")
    shape = tuple(_sizes(spec.shape, size))
    dtype = np.dtype(spec.dtype)
    if dtype.kind in "OU":
        return np.full(shape, "text", dtype=object)
    if dtype.kind in "iu":
        return generator.integers(0, 256 if dtype == np.uint8 else 2, shape).astype(dtype)
    if dtype.kind == "b":
        return generator.integers(0, 2, shape).astype(dtype)
    return generator.standard_normal(shape).astype(dtype)


def _sizes(shape: Sequence[int | str | None], size: int) -> Iterator[int]:
    for index, axis in enumerate(shape):
        yield axis if isinstance(axis, int) else 1 if index == 0 else size
