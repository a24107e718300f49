"""One shard's batches of a split."""

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from inc_mlflow import progress
from inc_mlflow.datasets.rows import Content
from inc_mlflow.datasets.separate import Data
from inc_mlflow.datasets.source import Batch
from inc_mlflow.errors import DataError
from inc_mlflow.records import SplitFacts


class BatchSelection(Protocol):
    """Which batches of a split are taken: those of a shard, or some that were drawn."""

    @property
    def count(self) -> int:
        """How many selections the split is cut into."""
        ...

    def has(self, batch: int) -> bool:
        """Tell whether a batch, counted from 0, is taken."""
        ...


class Share:
    """A pass over one shard's batches of a split.

    All batches of the split are read and digested, so that a merge can check that all shards had the same
    split.
    """

    def __init__(self, data: Data, split: str, size: int | None, shard: BatchSelection) -> None:
        self._data, self._split, self._size, self._shard = data, split, size, shard
        self._content = Content()
        self.labels: list[np.ndarray | None] = []
        """Of the whole split, by batch."""
        self.sizes: list[int] = []
        """Rows of all batches of the split."""
        self.rows = 0
        """Of this shard, so far."""

    def batches(self, label: str) -> Iterator[Batch]:
        """Yield the shard's batches, whole ones.

        DataError where there are too few batches for all shards to have one.
        """
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
        """Return how many batches there are, None where only a pass tells.

        DataError where a shard would get none.
        """
        known = self._data.batches(self._split, self._size)
        if known is not None:
            self._enough(known)
        return known

    def _enough(self, batches: int) -> None:
        if batches < self._shard.count:
            raise DataError(
                f"data.{self._split}: {batches} batches are too few for {self._shard.count} shards; "
                "use fewer shards"
            )
