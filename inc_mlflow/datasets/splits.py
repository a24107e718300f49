"""Splits of a job as streams of batches that fit the model."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.callables import load_callable, source_file, user_code
from inc_mlflow.datasets.conform import conform, given_once
from inc_mlflow.datasets.source import Batch, Source
from inc_mlflow.errors import DataError, reason
from inc_mlflow.records import TensorSpec
from inc_mlflow.registry import did_you_mean
from inc_mlflow.registry.datasets import DATASETS
from inc_mlflow.remote import local_path
from inc_mlflow.spec import CallableSplit, FileSplit


class SplitReader:
    """One split; ``batches`` can be called again for every pass and gives the same rows in the same order."""

    def __init__(
        self,
        name: str,
        split: FileSplit | CallableSplit,
        root: Path,
        inputs: tuple[TensorSpec, ...],
        group: str | None = None,
    ) -> None:
        self.where, self._group = f"data.{name}", group
        self._name, self._split, self._root, self._inputs = name, split, root, inputs
        self.batch = split.batch if isinstance(split, FileSplit) else None
        """Rows per batch the split asks for; None where a callable decides."""

    def count(self) -> int | None:
        """Return how many rows the split has; None for a callable, which only a pass can tell."""
        if isinstance(self._split, CallableSplit):
            return None
        return len(chosen_rows(self._split, self._open(self._split).rows, self.where))

    def batches(self, size: int | None = None) -> Iterator[Batch]:
        """Yield (inputs, labels); ``size`` regroups the rows, the last batch may be smaller."""
        checked = (self._checked(*batch) for batch in self._raw(size))
        return checked if size is None or isinstance(self._split, FileSplit) else regroup(checked, size)

    def drawn(self, count: int) -> Iterator[Batch]:
        """Yield at most ``count`` rows, one at a time, the same ones each time; of a callable the first."""
        if isinstance(self._split, CallableSplit):
            yield from islice(self.batches(1), count)
            return
        source = self._open(self._split)
        rows = chosen_rows(self._split, source.rows, self.where)
        for number in sorted(np.random.default_rng(0).permutation(len(rows))[:count]):
            yield self._checked(*source.read([rows[number]]))

    def _checked(self, inputs: Arrays, labels: Any) -> Batch:
        arrays = conform(inputs, self._inputs, self.where)
        return arrays, self._labels(arrays, labels)

    def groups(self, name: str) -> np.ndarray:
        """Return the group of each row, int64 (rows,), numbered from 0 in the order of their values.

        ``name`` is an array, a column, or an input that a callable yields besides those of the model. Raises
        DataError where not every row has a value.
        """
        values = _whole_or_text(self._groups(self._split, name), name)
        return np.unique(values, return_inverse=True)[1].astype(np.int64)

    def _groups(self, split: FileSplit | CallableSplit, name: str) -> np.ndarray:
        if isinstance(split, CallableSplit):
            return np.concatenate([self._group_of(inputs, name) for inputs, _ in self._from_callable(split)])
        source = self._open(split)
        if source.column is None:
            raise DataError(f"data.group: {self.where} has no columns; use an .npz, a table or a callable")
        return source.column(name)[chosen_rows(split, source.rows, self.where)]

    def _raw(self, size: int | None) -> Iterator[Batch]:
        if isinstance(self._split, CallableSplit):
            return (self._without_group(batch) for batch in self._from_callable(self._split))
        return self._from_file(self._split, size or self._split.batch)

    def _without_group(self, batch: Batch) -> Batch:
        """Take out the group, unless the model reads an input of that name.

        Only validation must yield one.
        """
        inputs, labels = batch
        if self._group is not None and self._name == "validation":
            self._group_of(inputs, self._group)
        taken = {spec.name for spec in self._inputs}
        return {name: array for name, array in inputs.items() if name != self._group or name in taken}, labels

    def _group_of(self, inputs: Arrays, name: str) -> np.ndarray:
        """Return the group of each row of a callable's batch.

        A hint never suggests an input of the model. Raises DataError where there is none.
        """
        if name not in inputs:
            given, taken = list(map(str, inputs)), {spec.name for spec in self._inputs}
            hint = did_you_mean(name, [other for other in given if other not in taken])
            said = f"a batch has no {name!r} beside the inputs {', '.join(given)}{hint}"
            raise DataError(f"data.group: {said}; yield one value per row")
        values = _whole_or_text(np.asarray(inputs[name]), name)
        specs = {spec.name: spec for spec in self._inputs}
        arrays = {other: np.asarray(array) for other, array in inputs.items() if other in specs}
        per_row = (a for other, a in arrays.items() if a.ndim and not given_once(a.ndim, specs[other]))
        rows = len(next(per_row, values))
        if values.shape != (rows,):
            raise DataError(
                f"data.group: {name!r} has shape {values.shape} in a batch of {rows} rows; "
                "yield one value per row"
            )
        return values

    def _from_file(self, split: FileSplit, size: int) -> Iterator[Batch]:
        source = self._open(split)
        rows = chosen_rows(split, source.rows, self.where)
        for start in range(0, len(rows), size):
            yield source.read(rows[start : start + size])

    def _open(self, split: FileSplit) -> Source:
        path = local_path(split.path, self._root)
        here = split.model_copy(update={"path": str(path)})
        try:
            _check_format(split, path, self.where)
            return DATASETS.get(split.format_name)(here, self._root, self.where, self._inputs)
        except OSError as error:  # a folder on the way that may not be looked into
            said = f"{error.filename or here.path} cannot be read ({error.strerror or reason(error)})"
            raise DataError(f"{self.where}: {said}; give a path that can") from error

    def _from_callable(self, split: CallableSplit) -> Iterator[Batch]:
        where = f"{self.where}.callable"
        function = load_callable(split.function, self._root, where)
        count = 0
        with user_code(source_file(split.function, self._root), where):
            for item in function(self._name):
                count += 1
                yield _pair(item, where)
        if not count:
            raise DataError(f"{where}: gave no rows; yield (inputs, labels) batches")

    def _labels(self, inputs: Arrays, labels: Any) -> np.ndarray | None:
        """Check that there is one label per row and one length among the inputs."""
        lengths = {len(array) for array in inputs.values()}
        array = None if labels is None else self._array(labels)
        if array is not None:
            lengths.add(len(array) if array.ndim else -1)
        if len(lengths) != 1:
            raise DataError(
                f"{self.where}: inputs and labels of different length ({sorted(lengths)}) in one batch; the "
                "first axis of each counts rows, data: {axes: {<input>: null}} is for one value of all rows"
            )
        return array

    def _array(self, labels: Any) -> np.ndarray:
        try:
            array = np.asarray(labels)
            if array.dtype.kind == "U":
                # NumPy can hold code points that are no characters, and surrogates.
                "".join(array.ravel().tolist()).encode()
        except (SystemError, ValueError) as error:  # a SystemError is how CPython refuses such a number
            raise DataError(
                f"{self.where}: labels are no array of numbers or texts ({reason(error)}); give one per row"
            ) from error
        return self._text(array) if array.dtype.kind in "OT" else array

    def _text(self, labels: np.ndarray) -> np.ndarray:
        """Return texts that pandas or NumPy's variable-width strings hold as fixed-width ones.

        Raises DataError for other Python objects: they have no bytes that could be digested.
        """
        if not all(isinstance(label, str) for label in labels.ravel().tolist()):
            raise DataError(
                f"{self.where}: labels are Python objects; give numbers or texts, "
                "JSON where they have structure"
            )
        return np.array(labels.tolist(), np.str_)


def chosen_rows(split: FileSplit, count: int, where: str) -> list[int]:
    """Return the positions that start, stop and samples choose; the order of the file is kept."""
    stop = count if split.stop is None else split.stop
    if stop > count or split.start >= stop:
        raise DataError(
            f"{where}: no rows {split.start} to {stop}; it has {count}" if count else f"{where}: has no rows"
        )
    rows = range(split.start, stop)
    if split.samples is None:
        return list(rows)
    if split.samples > len(rows):
        raise DataError(f"{where}.samples: {split.samples} of {len(rows)} rows; ask for at most that many")
    drawn = np.random.default_rng(split.seed).choice(len(rows), split.samples, replace=False)
    return [rows[position] for position in sorted(drawn)]


def regroup(batches: Iterable[Batch], size: int) -> Iterator[Batch]:
    """Cut a stream of batches into batches of ``size`` rows.

    The last may be smaller, and so may be one before rows of another shape, as sentences of other lengths.
    """
    held: list[Batch] = []
    count = 0
    for batch in batches:
        if held and _row_shapes(batch) != _row_shapes(held[0]):
            yield _join(held)
            held, count = [], 0
        held.append(batch)
        count += _length(batch)
        while count >= size:
            joined = _join(held)
            yield _rows(joined, 0, size)
            held, count = [_rows(joined, size, count)] if count > size else [], count - size
    if count:
        yield _join(held)


def _row_shapes(batch: Batch) -> dict[str, tuple[int, ...]]:
    return {name: array.shape[1:] for name, array in batch[0].items()}


def _length(batch: Batch) -> int:
    return len(next(iter(batch[0].values())))


def _join(batches: list[Batch]) -> Batch:
    inputs = {name: np.concatenate([batch[0][name] for batch in batches]) for name in batches[0][0]}
    labels = [batch[1] for batch in batches]
    given = [label for label in labels if label is not None]
    return inputs, np.concatenate(given) if len(given) == len(labels) else None


def _rows(batch: Batch, start: int, stop: int) -> Batch:
    inputs, labels = batch
    return {name: array[start:stop] for name, array in inputs.items()}, None if labels is None else labels[
        start:stop
    ]


def _whole_or_text(values: np.ndarray, name: str) -> np.ndarray:
    """Return the values; raises DataError for types, as float, in which equality is not certain."""
    if values.dtype.kind not in "biuUS":
        raise DataError(f"data.group: {name!r} has {values.dtype}; give whole numbers or texts")
    return values


def _check_format(split: FileSplit, path: Path, where: str) -> None:
    """Raise DataError where neither the job nor the path says what the file is."""
    if split.format is None and DATASETS.named_by(split.path) is None and not path.is_dir():
        files = ", ".join(suffix for suffix in DATASETS.suffixes() if suffix != "/")
        raise DataError(
            f"{where}: {path} is no {files} or folder; give one, or say format: {', '.join(DATASETS)}"
        )


def _pair(item: Any, where: str) -> Batch:
    if not (isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], dict) and item[0]):
        raise DataError(
            f"{where}: yields {type(item).__name__}; it must yield (dict of input arrays, labels or None)"
        )
    inputs, labels = item
    return {name: np.asarray(array) for name, array in inputs.items()}, labels
