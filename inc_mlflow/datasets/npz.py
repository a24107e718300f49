"""NumPy archives: one array per graph input, one for labels."""

import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from inc_mlflow.datasets.source import Arrays, Batch, Source
from inc_mlflow.errors import DataError
from inc_mlflow.records import TensorSpec
from inc_mlflow.registry import did_you_mean
from inc_mlflow.spec import FileSplit


def read(split: FileSplit, root: Path, where: str, inputs: tuple[TensorSpec, ...]) -> Source:
    """Open an .npz; arrays of Python objects are refused, since reading them runs code."""
    arrays = _load(root / split.path, where)
    _check_inputs(split, where, inputs)
    chosen = {spec.name: _array(arrays, split.inputs.get(spec.name, spec.name), where, spec) for spec in inputs}
    labels = arrays.get(split.label)
    rows = _rows(chosen, labels, where)

    def rows_at(positions: Sequence[int]) -> Batch:
        index = np.asarray(positions)
        return {name: array[index] for name, array in chosen.items()}, None if labels is None else labels[index]

    return Source(rows, rows_at, lambda name: _column(arrays, name, rows))


def _load(path: Path, where: str) -> Arrays:
    try:
        with path.open("rb") as file:  # numpy leaves the file open where the archive is damaged
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise DataError(f"{where}: {path} holds a single array; save it with np.savez and names")
            return {name: _plain(archive[name], name, path, where) for name in archive.files}
    except OSError as error:
        raise DataError(f"{where}: {path} cannot be read ({error.strerror or error}); give the path of an .npz") from error
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{where}: {path} is no .npz of plain arrays ({error}); save it with np.savez") from error


def _plain(array: Any, name: str, path: Path, where: str) -> np.ndarray:
    if not isinstance(array, np.ndarray):
        raise DataError(f"{where}: {path} holds {name!r}, which is no array; save it with np.savez")
    return array


def _column(arrays: Arrays, name: str, rows: int) -> np.ndarray:
    if name not in arrays:
        raise DataError(
            f"data.group: no array {name!r}{did_you_mean(name, list(arrays))}; the file has {', '.join(sorted(arrays))}"
        )
    if arrays[name].shape != (rows,):
        raise DataError(f"data.group: array {name!r} has shape {arrays[name].shape}; it needs one value of each of {rows} rows")
    return arrays[name]


def _check_inputs(split: FileSplit, where: str, inputs: tuple[TensorSpec, ...]) -> None:
    names = [spec.name for spec in inputs]
    for name in split.inputs:
        if name not in names:
            raise DataError(
                f"{where}.inputs: the model has no input {name!r}{did_you_mean(name, names)}; it has {', '.join(names)}"
            )


def _array(arrays: Arrays, key: str, where: str, spec: TensorSpec) -> np.ndarray:
    if key not in arrays:
        raise DataError(
            f"{where}: no array {key!r} for the model's input {spec.name!r}; the file has {', '.join(sorted(arrays))}; "
            f"map it with inputs: {{{spec.name}: <array>}}"
        )
    if arrays[key].ndim == 0:
        raise DataError(f"{where}: array {key!r} has no rows; its first axis counts them")
    return arrays[key]


def _rows(inputs: Arrays, labels: np.ndarray | None, where: str) -> int:
    lengths = {name: len(array) for name, array in inputs.items()}
    if labels is not None and labels.ndim == 0:
        raise DataError(f"{where}: labels have no rows; store one per row")
    if labels is not None:
        lengths["labels"] = len(labels)
    if len(set(lengths.values())) > 1:
        text = ", ".join(f"{name} {count}" for name, count in lengths.items())
        raise DataError(f"{where}: arrays of different length ({text}); each row needs one of every array")
    return next(iter(lengths.values()))
