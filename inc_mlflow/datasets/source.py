"""What a data format gives: a source with a known number of rows, read by position."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.records import TensorSpec
from inc_mlflow.spec import FileSplit

Batch = tuple[Arrays, np.ndarray | None]


@dataclass(frozen=True)
class Source:
    """``read`` takes row positions and returns their inputs (batch axis first) and labels.

    ``column`` returns one value of each row by the name it has in the file; None where the format has no such
    thing.
    """

    rows: int
    read: Callable[[Sequence[int]], Batch]
    column: Callable[[str], np.ndarray] | None = None


Reader = Callable[[FileSplit, Path, str, tuple[TensorSpec, ...]], Source]
"""(split, directory of relative paths, field name for messages, model inputs) -> source."""
