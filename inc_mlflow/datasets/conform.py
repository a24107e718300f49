"""Fit rows to the model: rank, size, its dtype without loss, and finite numbers only."""

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import DataError
from inc_mlflow.records import SharedInput, TensorSpec

_ROWS_FIRST = ", the first axis being rows; data: {axes: …} says where the model has its rows, if elsewhere"


def conform(inputs: Arrays, specs: tuple[TensorSpec, ...], where: str) -> Arrays:
    """Return the batch in the model's dtypes; what is one value for all rows is repeated for each.

    Raises DataError, which names the input and what the model takes, where names, rank, size or type differ,
    or where values are not finite.
    """
    _check_names(inputs, specs, where)
    arrays = {spec.name: np.asarray(inputs[spec.name]) for spec in specs}
    per_row = [spec.name for spec in specs if not given_once(arrays[spec.name].ndim, spec)]
    for name in per_row:
        if not arrays[name].ndim:
            raise DataError(f"{where}: input {name!r} has no rows; the first axis of each array counts them")
    rows = len(arrays[per_row[0]]) if per_row else 1
    return {spec.name: _conform(_repeated(arrays[spec.name], spec, rows), spec, where) for spec in specs}


def given_once(rank: int, spec: TensorSpec) -> bool:
    """Tell whether an array of this rank is one value for all rows: it has the model's axes and no more."""
    return isinstance(spec, SharedInput) and spec.shape is not None and rank == len(spec.shape) - 1


def _repeated(array: np.ndarray, spec: TensorSpec, rows: int) -> np.ndarray:
    return np.broadcast_to(array, (rows, *array.shape)) if given_once(array.ndim, spec) else array


def _check_names(inputs: Arrays, specs: tuple[TensorSpec, ...], where: str) -> None:
    expected, given = [spec.name for spec in specs], list(inputs)
    if set(expected) != set(given):
        raise DataError(
            f"{where}: rows have the inputs {', '.join(map(str, given)) or 'none'}; "
            f"the model takes {', '.join(expected)}"
        )


def _conform(array: np.ndarray, spec: TensorSpec, where: str) -> np.ndarray:
    _check_shape(array, spec, where)
    cast = _cast(array, spec, where)
    if cast.dtype.kind == "f" and not np.isfinite(cast).all():
        raise DataError(f"{where}: input {spec.name!r} has NaN or infinity; clean the data")
    return cast


def _check_shape(array: np.ndarray, spec: TensorSpec, where: str) -> None:
    if spec.shape is None:
        return
    shape = ", ".join("any" if axis is None else str(axis) for axis in spec.shape)
    if array.ndim != len(spec.shape):
        raise DataError(
            f"{where}: input {spec.name!r} has rank {array.ndim}, {array.shape}; the model takes ({shape})"
            f"{_ROWS_FIRST if array.ndim == len(spec.shape) + 1 else ''}"
        )
    wrong = [
        pair
        for pair in zip(array.shape[1:], spec.shape[1:], strict=True)
        if isinstance(pair[1], int) and pair[0] != pair[1]
    ]
    if wrong:
        raise DataError(f"{where}: input {spec.name!r} has shape {array.shape}; the model takes ({shape})")


def _cast(array: np.ndarray, spec: TensorSpec, where: str) -> np.ndarray:
    dtype = np.dtype(spec.dtype)
    if array.dtype == dtype:
        return array
    if array.dtype.kind not in "biuf" or dtype.kind not in "biuf":
        raise DataError(f"{where}: input {spec.name!r} is {array.dtype}; the model takes {dtype}")
    with np.errstate(over="ignore", invalid="ignore"):
        cast = array.astype(dtype)
        # Both ways: a sign that wraps around comes back whole.
        same = (cast.astype(array.dtype) == array) & (cast == array)
    if dtype.kind == "f":
        same |= array != array  # NaN is refused by its own message
    if not same.all():
        raise DataError(
            f"{where}: input {spec.name!r} is {array.dtype} and would lose values as {dtype}; "
            f"store it as {dtype}"
        )
    return cast
