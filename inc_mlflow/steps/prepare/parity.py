"""Compare the reference baseline with the framework whose model it was made of: the record of parity."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import RunSettings
from inc_mlflow.engines.find_row_axes import row_axes_of
from inc_mlflow.errors import ModelError
from inc_mlflow.files import copy_model, files_sha256, model_sha256
from inc_mlflow.records import FrameworkSource, ImportRecord, OutputParity
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.sources.conversion import about_converted
from inc_mlflow.sources.process import run_apart
from inc_mlflow.spec import Job, SourceSpec
from inc_mlflow.steps.baselines import CONVERTED_FOLDER, baseline_path
from inc_mlflow.steps.prepare.checked_import import Rows
from inc_mlflow.steps.prepare.compare_outputs import output_differences

PARITY = 1e-4
"""Largest difference of an output from the framework's, relative to its largest value.

Other kernels for the same float32 operations give about 1e-6; a wrong conversion changes outputs by percents.
"""


def with_parity(job: Job, record: ImportRecord, target: Path, rows: Rows) -> ImportRecord:
    """Return the record with the parity of the reference baseline in ``target``, where a framework made it.

    The ONNX file that the framework's model became is kept beside the baseline. Raises ModelError, with the
    first layer where both part, where an output is further than ``PARITY`` from the framework's.
    """
    spec = job.spec.model
    if not isinstance(spec, SourceSpec):
        return record
    file, about = job.model, about_converted(job.model)
    kept = target / CONVERTED_FOLDER / file.name
    copy_model(file, kept)
    parity = _parity(job, spec, baseline_path(target, record.baselines[0].engine, job.spec.engines[0]), rows)
    files = spec.files(job.root)
    found = FrameworkSource(
        kind=spec.kind,
        framework=about.framework,
        file=str(kept.relative_to(target)),
        sha256=model_sha256(kept),
        rows=len(rows.rows),
        parity=tuple(OutputParity(name=name, relative_difference=one) for name, one in parity.items()),
    )
    return record.model_copy(
        update={
            "framework_source": found,
            "source_sha256": files_sha256(files),
            "source_bytes": sum(one.stat().st_size for one in files),
            "notes": (*about.notes, *record.notes),
        }
    )


def _parity(job: Job, spec: SourceSpec, baseline: Path, rows: Rows) -> dict[str, float]:
    """Return how far each output of the baseline is from the framework's."""
    engine = ENGINES.get(job.spec.engines[0])
    interface = engine.interface(job.model)
    axes = rows.axes or row_axes_of(interface)
    theirs = run_apart(spec, job.root, rows.rows, axes, interface.inputs)
    model = engine.load(baseline, RunSettings(axes=axes))
    ours = [model(row) for row in rows.rows]
    found = output_differences([_of(row, interface.output_names) for row in theirs], ours)
    if wrong := [name for name, one in found.items() if not one <= PARITY]:
        where = _first_parting(job, spec, replace(rows, axes=axes))
        name = wrong[0]
        raise ModelError(
            f"model: {spec.where}: the baseline's output {name!r} is {_apart(found[name])} from that of "
            f"{about_converted(job.model).framework}; {where}; give an ONNX file of your own export"
        )
    return found


def _first_parting(job: Job, spec: SourceSpec, rows: Rows) -> str:
    """Say in words which layer is the first whose values differ, in the ONNX file as it was converted."""
    engine, layers = ENGINES.get(job.spec.engines[0]), about_converted(job.model).layers
    if engine.analysis is None or not layers or rows.axes is None:
        return "where they part is not known"
    inputs = engine.interface(job.model).inputs
    row = rows.rows[:1]
    theirs = run_apart(spec, job.root, row, rows.axes, inputs, layers)
    known = [name for name in layers if name in theirs[0]]
    ours = list(engine.analysis.tensor_values(job.model, row, known))
    found = output_differences([_of(theirs[0], known)], ours)
    first = next((name for name, one in found.items() if not one <= PARITY), None)
    if first is None:
        return f"none of the {len(known)} layers compared parts by itself"
    return f"they part first at the layer {first!r} ({_apart(found[first])})"


def _of(row: Arrays, names: Sequence[str]) -> Arrays:
    return {name: row[name] for name in names if name in row}


def _apart(difference: float) -> str:
    return (
        f"{difference:.2g} of its largest value" if difference < float("inf") else "of another shape or type"
    )
