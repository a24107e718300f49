"""One real row of the job's data, shown as input example of logged models."""

from pathlib import Path

import numpy as np

from inc_mlflow.arrays import Arrays

_FILE, _NAMES = "example.npz", "names"
_LIMIT = 1_000_000
"""Largest size in bytes: MLflow writes the example as text beside each model, and its page loads it."""


def save_example(folder: Path, row: Arrays) -> None:
    """Write a batch of one row, unless it is larger than 1 MB."""
    if sum(array.nbytes for array in row.values()) > _LIMIT:
        return
    # Files in an archive may not have all names that inputs have.
    numbered = {str(index): array for index, array in enumerate(row.values())}
    with (folder / _FILE).open("wb") as file:
        np.savez_compressed(file, names=np.array(list(row), dtype=np.str_), **numbered)  # type: ignore[arg-type]


def load_example(folder: Path) -> Arrays | None:
    """Return the row by input; None where it was too large."""
    path = folder / _FILE
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as archive:
        return {str(name): archive[str(index)] for index, name in enumerate(archive[_NAMES])}
