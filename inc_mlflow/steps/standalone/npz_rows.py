"""Rows of an .npz without a job."""

from collections.abc import Iterator
from pathlib import Path

from inc_mlflow.arrays import Arrays
from inc_mlflow.datasets.conform import conform
from inc_mlflow.engines.find_row_axes import row_axes_of
from inc_mlflow.errors import DataError
from inc_mlflow.registry.datasets import DATASETS
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.spec.data import FileSplit
from inc_mlflow.steps.baselines import engine_taking


def npz_rows(model: Path, data: Path, limit: int) -> Iterator[Arrays]:
    """Yield the first rows of an .npz with one array per input of ``model``, one row at a time.

    Raises DataError where it has no rows, or its arrays do not fit the inputs.
    """
    interface = engine_taking(model, list(ENGINES)).interface(model)
    inputs = row_axes_of(interface).specs(interface.inputs)
    source = DATASETS.get("npz")(FileSplit(path=str(data.resolve())), Path(), "--data", inputs)
    if not source.rows:
        raise DataError(f"--data: {data} has no rows; give some")
    for row in range(min(limit, source.rows)):
        yield conform(source.read([row])[0], inputs, "--data")
