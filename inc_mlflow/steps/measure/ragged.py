"""Pack the reduced rows of models into plain arrays; ragged rows become values and shapes."""

import json
from collections.abc import Mapping
from itertools import pairwise

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import DataError

_VALUES, _SHAPES = "values", "shapes"


def pack_ragged(kept: Mapping[str, Arrays], rows: int) -> Arrays:
    """Return the arrays of all models under distinct names.

    Raises DataError where an array has no axis of rows, or its rows are not arrays of one type.
    """
    flat: Arrays = {}
    for label, arrays in kept.items():
        for name, array in arrays.items():
            if array.shape[:1] != (rows,):
                raise DataError(
                    f"metric: {name!r} of {label} has shape {array.shape} for {rows} rows, "
                    "so no shards can be made; its first axis is rows"
                )
            flat |= {json.dumps([label, name, part]): value for part, value in _plain(name, array).items()}
    return flat


def unpack_ragged(flat: Arrays) -> dict[str, Arrays]:
    """Return the arrays by model and name, as ``pack_ragged`` got them."""
    kept: dict[str, Arrays] = {}
    for key, array in flat.items():
        label, name, part = json.loads(key)
        if part == _VALUES:
            shapes = flat.get(json.dumps([label, name, _SHAPES]))
            kept.setdefault(label, {})[name] = array if shapes is None else _ragged(array, shapes)
    return kept


def _plain(name: str, array: np.ndarray) -> Arrays:
    """Split rows that are arrays of one type into values and shapes.

    Pickle would also store them, but loading it would run code.
    """
    if array.dtype != object:
        return {_VALUES: array}
    rows = [row for row in array if isinstance(row, np.ndarray) and row.dtype != object]
    if len(rows) < len(array) or len({(row.dtype, row.ndim) for row in rows}) != 1:
        raise DataError(
            f"metric: {name!r} has rows that are not arrays of one type, so no shards can be made; "
            "give arrays"
        )
    values = np.concatenate([row.ravel() for row in rows])
    return {_VALUES: values, _SHAPES: np.array([row.shape for row in rows], np.int64)}


def _ragged(values: np.ndarray, shapes: np.ndarray) -> np.ndarray:
    ends = np.concatenate([[0], shapes.prod(axis=1).cumsum()])
    rows = np.empty(len(shapes), object)
    for row, (start, stop) in enumerate(pairwise(ends)):
        rows[row] = values[start:stop].reshape(shapes[row])
    return rows
