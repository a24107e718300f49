"""import: turn the source into the baselines that INT8 must beat, one per engine of the job."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import RunSettings
from inc_mlflow.errors import ModelError
from inc_mlflow.files import files_sha256, model_bytes, model_sha256
from inc_mlflow.records import ImportedBaseline, ImportRecord
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.spec import Job
from inc_mlflow.steps.baselines import baseline_path, engine_folder
from inc_mlflow.steps.data import open_data
from inc_mlflow.steps.prepare.example import save_example
from inc_mlflow.steps.step import step

COMPARED = 8
"""Number of rows on which source and baseline are compared."""
TOLERANCE = 1e-2
"""Largest difference between baseline and source, relative to the largest output."""


@step("baseline", ImportRecord)
def import_model(job: Job, target: Path) -> ImportRecord:
    """Write the baselines into ``target``, with one real row as example, and compare them with the source.

    Raises ModelError where a baseline does not run, or its outputs differ from the source's.
    """
    rows = [inputs for inputs, *_ in islice(open_data(job).rows(_first_split(job), size=1), COMPARED)]
    save_example(target, rows[0])
    return import_baselines(job.model, job.spec.engines, target, rows)


@contextmanager
def imported_baseline(job: Job, engine: str | None = None) -> Iterator[Path]:
    """Make one engine's baseline, by default the reference, in a temporary directory.

    Raises ModelError where the source cannot be imported.
    """
    made_by = ENGINES.get(engine or job.spec.engines[0])
    with tempfile.TemporaryDirectory() as folder:
        made_by.import_source(job.model, Path(folder))
        yield Path(folder) / made_by.model_name


def import_baselines(source: Path, engines: Sequence[str], target: Path, rows: list[Arrays]) -> ImportRecord:
    """Write a baseline for each engine; without rows nothing is compared.

    Raises ModelError as ``import_model``.
    """
    made = [_import(source, engine, engines[0], target, rows) for engine in engines]
    files = ENGINES.get(engines[0]).source_files(source)
    return ImportRecord(
        source_sha256=files_sha256(files),
        source_bytes=sum(file.stat().st_size for file in files),
        source_error=made[0][1],
        rows_compared=len(rows),
        baselines=tuple(baseline for baseline, _ in made),
    )


def _import(
    source: Path, name: str, reference: str, target: Path, rows: list[Arrays]
) -> tuple[ImportedBaseline, str | None]:
    """Return one engine's baseline, and why the engine cannot run the source itself (None if it can)."""
    engine, folder = ENGINES.get(name), engine_folder(target, name, reference)
    folder.mkdir(exist_ok=True)
    imported = engine.import_source(source, folder)
    path = baseline_path(target, name, reference)
    difference, error = compare(name, source, path, rows)
    baseline = ImportedBaseline(
        engine=name,
        model_sha256=model_sha256(path),
        model_bytes=model_bytes(path),
        facts=dict(imported.facts),
        largest_difference=difference if rows else None,
    )
    return baseline, error


def compare(engine: str, source: Path, baseline: Path, rows: list[Arrays]) -> tuple[float | None, str | None]:
    """Return the largest absolute difference of any output, and why the source did not run; one is None.

    Raises ModelError where the baseline does not run, or its outputs differ too much.
    """
    load = ENGINES.get(engine).load
    after = load(baseline, RunSettings())
    changed = [after(row) for row in rows]
    try:
        before = load(source, RunSettings())
        original = [before(row) for row in rows]
    except ModelError as error:
        return None, str(error)
    difference = max((_difference(a, b) for a, b in zip(original, changed, strict=True)), default=0.0)
    largest = max(
        (float(np.abs(value).max()) for row in original for value in row.values() if value.size), default=0.0
    )
    if not difference <= TOLERANCE * max(largest, 1.0):
        raise ModelError(
            f"{source}: importing it changes its outputs by {difference:.3g}; export it in a newer form"
        )
    return difference, None


def _difference(one: Arrays, other: Arrays) -> float:
    pairs = [(one[name].astype(np.float64), other[name].astype(np.float64)) for name in one]
    return max((float(np.abs(a - b).max()) for a, b in pairs if a.size), default=0.0)


def _first_split(job: Job) -> str:
    return "calibration" if job.spec.data.calibration is not None else "validation"
