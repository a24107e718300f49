"""NumPy archives: one array per graph input, one for labels."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from inc_mlflow.archive import Archive
from inc_mlflow.datasets.conform import given_once
from inc_mlflow.datasets.source import Batch, Source
from inc_mlflow.errors import DataError
from inc_mlflow.records import SharedInput, TensorSpec
from inc_mlflow.registry import did_you_mean
from inc_mlflow.spec import FileSplit


def read(split: FileSplit, root: Path, where: str, inputs: tuple[TensorSpec, ...]) -> Source:
    """Open an .npz. Arrays of Python objects are refused, since reading them runs code.

    Rows are counted by the headers of the arrays; arrays that no input and no label needs are never unpacked.
    An input of one value for the whole batch may be given once, without an axis of rows.
    Raises DataError where an array is missing, has no rows, or differs in length from the others.
    """
    archive = Archive(root / split.path, where)
    _check_inputs(split, where, inputs)
    keys = {spec.name: _key(archive, split.inputs.get(spec.name, spec.name), spec) for spec in inputs}
    shared = [spec for spec in inputs if isinstance(spec, SharedInput)]  # others need no header here
    once = {spec.name for spec in shared if given_once(len(archive.head(keys[spec.name]).shape), spec)}
    label = split.label if split.label in archive else None
    array = cache(archive.array)

    def rows_at(positions: Sequence[int]) -> Batch:
        index = np.asarray(positions)
        taken = {name: array(key) if name in once else array(key)[index] for name, key in keys.items()}
        return taken, None if label is None else array(label)[index]

    rows = _rows(archive, {name: key for name, key in keys.items() if name not in once}, label)
    return Source(rows, rows_at, lambda name: _column(archive, name, rows))


def _column(archive: Archive, name: str, rows: int) -> np.ndarray:
    if name not in archive:
        raise DataError(
            f"data.group: no array {name!r}{did_you_mean(name, list(archive.names))}; the file has {archive}"
        )
    if archive.head(name).shape != (rows,):
        shape = archive.head(name).shape
        raise DataError(
            f"data.group: array {name!r} has shape {shape}; it needs one value of each of {rows} rows"
        )
    return archive.array(name)


def _check_inputs(split: FileSplit, where: str, inputs: tuple[TensorSpec, ...]) -> None:
    names = [spec.name for spec in inputs]
    for name in split.inputs:
        if name not in names:
            raise DataError(
                f"{where}.inputs: the model has no input {name!r}{did_you_mean(name, names)}; "
                f"it has {', '.join(names)}"
            )


def _key(archive: Archive, key: str, spec: TensorSpec) -> str:
    """Return the name of an input's array in the file."""
    if key not in archive:
        raise DataError(
            f"{archive.where}: no array {key!r} for the model's input {spec.name!r}; the file has {archive}; "
            f"map it with inputs: {{{spec.name}: <array>}}"
        )
    if not archive.head(key).shape and not given_once(0, spec):
        raise DataError(f"{archive.where}: array {key!r} has no rows; its first axis counts them")
    return key


def _rows(archive: Archive, keys: dict[str, str], label: str | None) -> int:
    lengths = {name: archive.head(key).shape[0] for name, key in keys.items()}
    if label is not None:
        shape = archive.head(label).shape
        if not shape:
            raise DataError(f"{archive.where}: labels have no rows; store one per row")
        lengths["labels"] = shape[0]
    if len(set(lengths.values())) > 1:
        text = ", ".join(f"{name} {count}" for name, count in lengths.items())
        raise DataError(
            f"{archive.where}: arrays of different length ({text}); each row needs one of every array"
        )
    return next(iter(lengths.values()), 1)
