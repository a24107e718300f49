"""import: from the source as it was given to the baseline that INT8 must beat."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.graph.model_file import source_files, source_sha256
from inc_mlflow.engines.onnxruntime.graph.normalize import normalize
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
from inc_mlflow.errors import ModelError
from inc_mlflow.files import MODEL, model_bytes, model_sha256
from inc_mlflow.records import ImportRecord
from inc_mlflow.spec import Job
from inc_mlflow.steps.data import open_data
from inc_mlflow.steps.prepare.example import save_example
from inc_mlflow.steps.step import step

COMPARED = 8
"""Rows on which source and baseline are compared."""
TOLERANCE = 1e-2
"""Difference, relative to the largest output, above which the baseline is no longer the source's model."""


@step("baseline", ImportRecord)
def import_model(job: Job, target: Path) -> ImportRecord:
    """Write the baseline into ``target`` with one real row as example, and compare it with the source on several."""
    opset = normalize(job.model, target)
    rows = [inputs for inputs, *_ in islice(open_data(job).rows(_first_split(job), size=1), COMPARED)]
    difference, error = compare(job.model, target / MODEL, rows)
    save_example(target, rows[0])
    return record(job.model, target, opset, len(rows), difference, error)


@contextmanager
def normalized(job: Job) -> Iterator[Path]:
    """Make the baseline in a temporary directory, for commands that do one step."""
    with tempfile.TemporaryDirectory() as folder:
        normalize(job.model, Path(folder))
        yield Path(folder) / MODEL


def record(
    source: Path, target: Path, opset: int, rows: int, difference: float | None, error: str | None
) -> ImportRecord:
    """Describe source and baseline."""
    return ImportRecord(
        source_sha256=source_sha256(source),
        source_bytes=sum(file.stat().st_size for file in source_files(source)),
        source_error=error,
        model_sha256=model_sha256(target / MODEL),
        model_bytes=model_bytes(target / MODEL),
        opset=opset,
        rows_compared=rows,
        largest_difference=difference,
    )


def compare(source: Path, baseline: Path, rows: list[Arrays]) -> tuple[float | None, str | None]:
    """Return the largest absolute difference of any output, and why the source could not be run if so.

    Raises ModelError where the baseline does not run, or is no longer the same model.
    """
    after = Runner(baseline, threads=1)
    changed = [after(row) for row in rows]
    try:
        before = Runner(source, threads=1)
        original = [before(row) for row in rows]
    except ModelError as error:
        return None, str(error)
    difference = max((_difference(a, b) for a, b in zip(original, changed, strict=True)), default=0.0)
    largest = max(
        (float(np.abs(value).max()) for row in original for value in row.values() if value.size), default=0.0
    )
    if not difference <= TOLERANCE * max(largest, 1.0):
        raise ModelError(
            f"{source}: normalising it changes its outputs by {difference:.3g}; export it with opset 17 or newer"
        )
    return difference, None


def _difference(one: Arrays, other: Arrays) -> float:
    pairs = [(one[name].astype(np.float64), other[name].astype(np.float64)) for name in one]
    return max((float(np.abs(a - b).max()) for a, b in pairs if a.size), default=0.0)


def _first_split(job: Job) -> str:
    return "calibration" if job.spec.data.calibration is not None else "validation"
