"""import: turn the source into the baselines that INT8 must beat, one per engine of the job."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path

from inc_mlflow.engines.engine import Engine
from inc_mlflow.engines.int8_source import already_int8, check_fp32
from inc_mlflow.errors import ModelError
from inc_mlflow.files import errors_name, files_sha256, model_bytes, model_sha256
from inc_mlflow.records import ImportedBaseline, ImportRecord
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.spec import Job, SourceSpec
from inc_mlflow.spec.source import of_artifact
from inc_mlflow.steps.baselines import CONVERTED_FOLDER, baseline_path, engine_folder
from inc_mlflow.steps.data import open_rows
from inc_mlflow.steps.prepare.applied_rewrites import applied_rewrites
from inc_mlflow.steps.prepare.checked_import import CheckedImport, Rows, rows_for
from inc_mlflow.steps.prepare.example import save_example
from inc_mlflow.steps.prepare.import_parts import import_checked
from inc_mlflow.steps.prepare.parity import Conversion, with_parity
from inc_mlflow.steps.prepare.tell_apart import untold_notes
from inc_mlflow.steps.step import step

COMPARED = 8
"""Number of rows on which source and baseline are compared."""


@step("baseline", ImportRecord)
def import_model(job: Job, target: Path) -> ImportRecord:
    """Write the baselines into ``target``, with one real row as example, and compare them with the source.

    A framework's model is converted before, and the reference baseline is compared with the framework too. A
    note says where the metric cannot tell the baseline from a model that ignores its input. Raises ModelError
    where the source is INT8, or a baseline does not run or differs from it, and the IncError of a metric that
    does not take its outputs.
    """
    check_fp32(ENGINES.get(job.spec.engines[0]), job.model)
    rows = first_rows(job)
    save_example(target, rows.rows[0])
    reference = job.spec.engines[0]
    record = import_baselines(job.model, job.spec.engines, target, rows)
    if isinstance(source := job.source, SourceSpec):
        record = with_parity(Conversion(source, job.root, job.model), record, target, rows)
    elif of_artifact(job.spec.model):
        record = record.model_copy(update={"kept_source": _kept(job, target)})
    return record.model_copy(
        update={"notes": (*record.notes, *untold_notes(job, baseline_path(target, reference, reference)))}
    )


def _kept(job: Job, target: Path) -> str:
    """Copy the source beside its baseline, with the weights beside it, and return its place in ``target``."""
    for file in job.source_files:
        inside = target / CONVERTED_FOLDER / file.absolute().relative_to(job.model.parent.absolute())
        inside.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, inside)
    return f"{CONVERTED_FOLDER}/{job.model.name}"


@contextmanager
def imported_baseline(job: Job, engine: str | None = None) -> Iterator[Path]:
    """Make one engine's baseline, by default the reference, in a temporary directory.

    It is the one that ``import_model`` makes. Raises ModelError where the source is INT8, or cannot be
    imported.
    """
    made_by = ENGINES.get(engine or job.spec.engines[0])
    check_fp32(made_by, job.model)
    with tempfile.TemporaryDirectory() as folder:
        baseline = Path(folder) / made_by.model_name
        with errors_name(f"the baseline of {job.model}", baseline):
            import_checked(made_by, job.model, Path(folder), first_rows(job))
            yield baseline


def import_baselines(source: Path, engines: Sequence[str], target: Path, rows: Rows) -> ImportRecord:
    """Write a baseline for each engine; without ``rows`` they are compared on generated ones.

    Raises ModelError as ``import_model``.
    """
    reference = ENGINES.get(engines[0])
    files, interface = reference.source_files(source), reference.interface(source)
    if not interface.output_names:
        raise ModelError(f"{source}: none of its outputs is a tensor; export it with one")
    compared = rows if rows.rows else rows_for(reference, source, COMPARED)
    int8 = [f"{source.name}: {already_int8(found)}"] if (found := reference.int8_operators(source)) else []
    made = [_import(source, ENGINES.get(name), reference, target, compared) for name in engines]
    return ImportRecord(
        source_sha256=files_sha256(files),
        source_bytes=sum(file.stat().st_size for file in files),
        source_error=made[0].source_error,
        rows_compared=len(compared.rows),
        rows_generated=compared.generated,
        not_compared=interface.other_outputs,
        baselines=tuple(
            _baseline(source, name, one, target, engines[0], compared)
            for name, one in zip(engines, made, strict=True)
        ),
        notes=tuple(dict.fromkeys(chain(int8, *(_notes(source, one, compared) for one in made)))),
    )


def _import(source: Path, engine: Engine, reference: Engine, target: Path, rows: Rows) -> CheckedImport:
    folder = engine_folder(target, engine.name, reference.name)
    folder.mkdir(exist_ok=True)
    return import_checked(engine, source, folder, rows)


def _baseline(
    source: Path, name: str, made: CheckedImport, target: Path, reference: str, rows: Rows
) -> ImportedBaseline:
    path = baseline_path(target, name, reference)
    return ImportedBaseline(
        engine=name,
        model_sha256=model_sha256(path),
        model_bytes=model_bytes(path),
        facts=dict(made.imported.facts),
        largest_difference=made.difference,
        left_out=made.left_out,
        rewritten=applied_rewrites(ENGINES.get(name), source, path, made, rows),
    )


def _notes(source: Path, made: CheckedImport, rows: Rows) -> Iterator[str]:
    """Say in one line each what a user should know."""
    yield from (f"{source.name}: {note}" for note in made.imported.notes)
    if made.left_out:
        left_out = ", ".join(made.left_out)
        yield f"{source.name}: imported without the rewrites {left_out}, which would fail or change outputs"
    if applied := {name: count for name, count in made.imported.rewritten.items() if count}:
        places = ", ".join(f"{name} {count}" for name, count in applied.items())
        yield f"{source.name}: rewritten for speed, computing the same: {places}"
    if rows.generated:
        yield (
            f"{source.name}: compared with its baseline on {len(rows.rows)} generated rows, for want of data"
        )
    if rows.missing:
        yield f"{source.name}: not compared with its baseline: {rows.missing}"


def first_rows(job: Job) -> Rows:
    """Return the rows on which a job's source and baseline are compared."""
    split = "calibration" if job.spec.data.calibration is not None else "validation"
    data, axes = open_rows(job)
    rows = [inputs for inputs, *_ in islice(data.rows(split, size=1), COMPARED)]
    plain = axes.first_everywhere and not job.spec.data.axes
    return Rows(rows, axes=axes, kept=None if plain else axes)
