"""The training rows in memory, and the order in which an epoch takes them."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import DataError

_LARGEST = 8 * 2**30
"""Bytes of rows that are held."""


@dataclass(frozen=True)
class TrainingRows:
    """All rows, each array with its rows first."""

    inputs: Arrays
    labels: np.ndarray | None

    @classmethod
    def read(cls, batches: Iterable[tuple[Arrays, np.ndarray | None]]) -> "TrainingRows":
        """Read a pass; raise DataError where it is empty, sizes differ, or memory does not hold it."""
        inputs: dict[str, list[np.ndarray]] = {}
        labels: list[np.ndarray] = []
        held = 0
        for arrays, given in batches:
            for name, array in arrays.items():
                inputs.setdefault(name, []).append(array)
                held += array.nbytes
            if given is not None:
                labels.append(np.asarray(given))
            if held > _LARGEST:
                raise DataError(
                    f"data.training: more than {_LARGEST >> 30} GiB of rows; give it `samples`, or fewer rows"
                )
        if not inputs:
            raise DataError("data.training: has no rows of its own; give it some")
        try:
            return cls(
                {name: np.concatenate(parts) for name, parts in inputs.items()},
                np.concatenate(labels) if labels else None,
            )
        except ValueError as error:
            raise DataError(f"data.training: rows differ in shape ({error}); pad them to one size") from error

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self.inputs.values())))

    def digest(self) -> str:
        """Return the sha256 of all rows and labels in their order."""
        content = hashlib.sha256()
        labels = {} if self.labels is None else {"": self.labels}
        for name, array in sorted({**self.inputs, **labels}.items()):
            content.update(f"{name} {array.dtype} {array.shape}".encode())
            content.update(np.ascontiguousarray(array).tobytes())
        return content.hexdigest()

    def at(self, positions: np.ndarray) -> tuple[Arrays, np.ndarray | None]:
        """Return some rows and their labels."""
        chosen = {name: array[positions] for name, array in self.inputs.items()}
        return chosen, None if self.labels is None else self.labels[positions]


@dataclass(frozen=True)
class Order:
    """Which rows each step takes: another order in each epoch, that of the seed."""

    rows: int
    batch: int
    piece: int | None
    """How many rows the model takes at a time; None where it takes any number."""
    seed: int
    shares: int = 1
    """How many processes share a step; each takes as many pieces."""

    def __post_init__(self) -> None:
        """Raise DataError where the rows do not fill one piece, or a step cannot be shared."""
        if self.piece is not None and self.rows < self.piece:
            raise DataError(
                f"data.training: {self.rows} rows, and the model takes {self.piece} at a time; give it more"
            )
        if self.size % (self.shares * (self.piece or 1)):
            pieces = f", {self.piece} at a time" if self.piece else ""
            raise DataError(
                f"training.processes: {self.shares} processes cannot share the {self.size} rows of a step "
                f"alike{pieces}; give training.batch a number that they divide, and rows enough for it"
            )

    @property
    def size(self) -> int:
        """Rows of one step: whole pieces, and no more rows than there are."""
        size = min(self.batch, self.rows)
        return size if self.piece is None else max(1, size // self.piece) * self.piece

    @property
    def steps(self) -> int:
        """Steps of an epoch; rows that do not fill a step wait for the next epoch's order."""
        return self.rows // self.size

    def epoch(self, number: int) -> Iterator[list[np.ndarray]]:
        """Yield for each step the rows of each piece that the model takes."""
        order = np.random.default_rng([self.seed, number]).permutation(self.rows)
        for step in range(self.steps):
            taken = order[step * self.size : (step + 1) * self.size]
            yield np.split(taken, self.size // self.piece if self.piece else self.shares)
