"""What shards of all steps share: which batches are theirs, and whether they make up a whole."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from inc_mlflow import progress
from inc_mlflow.datasets.rows import Content
from inc_mlflow.datasets.separate import Data
from inc_mlflow.datasets.source import Batch
from inc_mlflow.errors import DataError
from inc_mlflow.records import ShardRecord, SplitFacts

R = TypeVar("R", bound=ShardRecord)


class Part(Protocol):
    """Which batches of a split are wanted, as those of a shard."""

    @property
    def count(self) -> int:
        """Into how many parts the split is cut."""
        ...

    def has(self, batch: int) -> bool:
        """Tell whether a batch, counted from 0, is of this one."""
        ...


class Share:
    """A pass over one shard's batches of a split.

    All batches are read, and digested into the content of the whole split: so a merge knows that its shards had the same.
    """

    def __init__(self, data: Data, split: str, size: int | None, shard: Part) -> None:
        self._data, self._split, self._size, self._shard = data, split, size, shard
        self._content = Content()
        self.labels: list[np.ndarray | None] = []
        """Of the whole split, by batch."""
        self.sizes: list[int] = []
        """Rows of all batches of the split."""
        self.rows = 0
        """Of this shard, so far."""

    def batches(self, label: str) -> Iterator[Batch]:
        """Yield the shard's batches, whole ones; DataError where there are too few batches for all shards to have one."""
        known = self.check()
        for inputs, labels, digests in progress.track(self._data.rows(self._split, self._size), label, known):
            self._content.add(digests, labels)
            self.labels.append(labels)
            self.sizes.append(len(digests))
            if self._shard.has(len(self.sizes) - 1):
                self.rows += len(digests)
                yield inputs, labels
        self._enough(len(self.sizes))

    def facts(self) -> SplitFacts:
        """Return the content of the whole split, after the pass."""
        return self._content.facts(f"data.{self._split}")

    def check(self) -> int | None:
        """Return how many batches there are, None where only a pass tells; DataError where a shard would get none."""
        known = self._data.batches(self._split, self._size)
        if known is not None:
            self._enough(known)
        return known

    def _enough(self, batches: int) -> None:
        if batches < self._shard.count:
            raise DataError(
                f"data.{self._split}: {batches} batches are too few for {self._shard.count} shards; use fewer shards"
            )


def load_shards(directories: Sequence[Path], load: Callable[[Path], R]) -> dict[Path, R]:
    """Read the records of all shards, the first shard first; DataError where they do not make up one whole."""
    found = sorted(((load(path), path) for path in directories), key=lambda one: one[0].shard.number)
    records = [record for record, _ in found]
    if not records:
        raise DataError("merge: no shards; give the directory of each")
    _check_complete(records)
    for record in records[1:]:
        _check_alike(record, records[0])
    return {path: record for record, path in found}


def _check_complete(records: Sequence[ShardRecord]) -> None:
    given = [record.shard for record in records]
    for number, shard in enumerate(given, 1):
        if shard.count != given[0].count:
            raise DataError(f"merge: shards {given[0]} and {shard} are not of one count; give all shards of the same")
        if shard.number < number:
            raise DataError(f"merge: shard {shard} is given twice; give each once")
        if shard.number > number:
            raise DataError(f"merge: shard {number}/{shard.count} is missing; give all of them")
    if len(given) < given[0].count:
        raise DataError(f"merge: shard {len(given) + 1}/{given[0].count} is missing; give all of them")


def _check_alike(record: ShardRecord, first: ShardRecord) -> None:
    other = [name for name, value in first.common().items() if record.common()[name] != value]
    if not (record.ran_on.same_hardware(first.ran_on) and record.ran_on.runtime == first.ran_on.runtime):
        other.append("kind of host")
    if other:
        raise DataError(
            f"merge: shards {first.shard} and {record.shard} differ in {other[0]}; {record.verb} all of them again with one job"
        )
