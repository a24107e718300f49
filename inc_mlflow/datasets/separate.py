"""Keep splits apart by content: what judges a candidate must not have shaped it."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.datasets.rows import Content, row_digests
from inc_mlflow.datasets.source import Batch
from inc_mlflow.datasets.splits import SplitReader
from inc_mlflow.errors import DataError
from inc_mlflow.records import DataFacts, SplitFacts, TensorSpec
from inc_mlflow.spec import DataSpec

DigestedBatch = tuple[Arrays, np.ndarray | None, list[bytes]]
"""Inputs, labels and row digests of one batch."""
Shown = Callable[[Iterable[Batch], str, int | None], Iterator[Batch]]
CheckLabels = Callable[[str, np.ndarray | None], None]
"""Takes the name of a split and the labels of a batch of it."""
LIMIT = 0.01
"""Share of the validation rows that may stand in other splits too: real data has duplicates."""


class Data:
    """All splits of a job, with the rows that validation shares left out of the others."""

    def __init__(self, spec: DataSpec, root: Path, inputs: tuple[TensorSpec, ...]) -> None:
        self._readers = {
            name: SplitReader(name, split, root, inputs, spec.group) for name, split in spec.splits().items()
        }
        self._group = spec.group
        self._judging: Counter[bytes] | None = None

    def survey(
        self, shown: Shown = lambda batches, *_: iter(batches), check_labels: CheckLabels = lambda *_: None
    ) -> DataFacts:
        """Read every row once.

        DataError where one does not fit, or where more than 1 % of validation is not its own.

        ``shown`` wraps each split's batches, to show progress; ``check_labels`` raises on labels that are no
        use.
        """
        splits: dict[str, SplitFacts] = {}
        left_out: dict[str, int] = {}
        shared: set[bytes] = set()
        for name in ("validation", "training", "calibration", "tuning"):
            if name in self._readers:
                splits[name], overlap, left_out[name] = self._survey(name, shown, check_labels)
                shared |= overlap
        left_out.pop("validation", None)
        self._check(shared, splits["validation"].rows, left_out)
        return DataFacts(splits=splits, left_out=left_out, notes=tuple(_notes(left_out)))

    def rows(self, name: str, size: int | None = None) -> Iterator[DigestedBatch]:
        """Yield batches of ``size`` rows, by default of the split's own size.

        Rows that stand in validation too are left out of the other splits.
        """
        for inputs, labels in self._reader(name).batches(size):
            digests = row_digests(inputs)
            own = [name == "validation" or digest not in self.judging() for digest in digests]
            if any(own):
                yield _kept(inputs, labels, digests, np.array(own))

    def drawn(self, name: str, count: int) -> Iterator[Batch]:
        """Yield at most ``count`` rows, one at a time, the same ones each time; of a callable the first."""
        return self._reader(name).drawn(count)

    def groups(self, name: str) -> np.ndarray | None:
        """Return the number of each validation row's group, shape (rows,).

        None where rows were drawn each by itself.
        """
        if self._group is None or name != "validation":
            return None
        return self._reader(name).groups(self._group)

    def batches(self, name: str, size: int | None = None) -> int | None:
        """Return how many batches ``rows`` gives at most; None where only a pass can tell."""
        reader = self._reader(name)
        count = reader.count()
        return None if count is None else math.ceil(count / (size or reader.batch or 1))

    def judging(self) -> Counter[bytes]:
        """Return the digests of the validation rows, and how many rows have each."""
        if self._judging is None:
            self._judging = Counter(
                digest for *_, digests in self.rows("validation", size=64) for digest in digests
            )
        return self._judging

    def _reader(self, name: str) -> SplitReader:
        if name not in self._readers:
            raise DataError(f"data.{name}: the job has no such split; it has {', '.join(self._readers)}")
        return self._readers[name]

    def _survey(
        self, name: str, shown: Shown, check_labels: CheckLabels
    ) -> tuple[SplitFacts, set[bytes], int]:
        content, overlap, count = Content(), set[bytes](), 0
        seen: Counter[bytes] = Counter()
        for inputs, labels in shown(self._readers[name].batches(), f"check {name}", self.batches(name)):
            check_labels(name, labels)
            digests = row_digests(inputs)
            content.add(digests, labels)
            seen.update(digests)
            if name != "validation":
                shared = [digest for digest in digests if digest in self.judging()]
                overlap.update(shared)
                count += len(shared)
        if name == "validation":
            self._judging = seen
        facts = content.facts(f"data.{name}")
        if not facts.rows:
            raise DataError(f"data.{name}: has no rows; give it some")
        if count and count == facts.rows:
            raise DataError(f"data.{name}: every row of it stands in validation too; give it rows of its own")
        return facts, overlap, count

    def _check(self, shared: set[bytes], rows: int, left_out: dict[str, int]) -> None:
        count = sum(self.judging()[digest] for digest in shared)
        if count > LIMIT * rows:
            where = " and ".join(name for name, count in left_out.items() if count)
            raise DataError(
                f"data.validation: {count} of {rows} rows stand in {where} too, allowed are {LIMIT:.0%}; "
                "a candidate must be judged on rows that did not shape it"
            )


def _kept(inputs: Arrays, labels: np.ndarray | None, digests: list[bytes], own: np.ndarray) -> DigestedBatch:
    if own.all():
        return inputs, labels, digests
    kept = {name: array[own] for name, array in inputs.items()}
    return (
        kept,
        None if labels is None else labels[own],
        [d for d, keep in zip(digests, own, strict=True) if keep],
    )


def _notes(left_out: dict[str, int]) -> Iterator[str]:
    for name, count in left_out.items():
        if count:
            yield f"{count} rows left out of {name}: validation holds them too"
