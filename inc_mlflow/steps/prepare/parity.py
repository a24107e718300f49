"""Compare the reference baseline with the framework whose model it was made of: the record of parity."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import Engine, RunSettings
from inc_mlflow.engines.find_row_axes import row_axes_of
from inc_mlflow.errors import ModelError
from inc_mlflow.files import copy_model, files_sha256, model_sha256
from inc_mlflow.records import FrameworkSource, ImportRecord, OutputParity
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.sources.conversion import about_converted
from inc_mlflow.sources.process import run_apart
from inc_mlflow.spec import SourceSpec
from inc_mlflow.steps.baselines import CONVERTED_FOLDER, baseline_path
from inc_mlflow.steps.prepare.checked_import import Rows
from inc_mlflow.steps.prepare.compare_outputs import output_differences

PARITY = 1e-4
"""Largest difference of an output from the framework's, relative to its largest value.

Other kernels for the same float32 operations give about 1e-6; a wrong conversion changes outputs by percents.
"""


@dataclass(frozen=True)
class Conversion:
    """A framework's model with paths below ``root``, and the ONNX file that it became."""

    spec: SourceSpec
    root: Path
    file: Path

    @property
    def framework(self) -> str:
        """Name and version of the framework."""
        return about_converted(self.file).framework


def with_parity(made: Conversion, record: ImportRecord, target: Path, rows: Rows) -> ImportRecord:
    """Return the record of an import of the file, with the parity of the reference baseline in ``target``.

    The file is kept beside the baseline. Without rows nothing is compared. Raises ModelError, with the first
    layer where both part, where an output is further than ``PARITY`` from the framework's.
    """
    kept = target / CONVERTED_FOLDER / made.file.name
    copy_model(made.file, kept)
    parity = _parity(made, record.baselines[0].engine, target, rows) if rows.rows else {}
    files = made.spec.files(made.root)
    found = FrameworkSource(
        kind=made.spec.kind,
        framework=made.framework,
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
            "notes": (*about_converted(made.file).notes, *record.notes),
        }
    )


def _parity(made: Conversion, engine_name: str, target: Path, rows: Rows) -> dict[str, float]:
    """Return how far each output of the baseline is from the framework's."""
    engine = ENGINES.get(engine_name)
    interface = engine.interface(made.file)
    axes = rows.axes or row_axes_of(interface)
    theirs = run_apart(made.spec, made.root, rows.rows, axes, interface.inputs)
    baseline = engine.load(baseline_path(target, engine_name, engine_name), RunSettings(axes=axes))
    ours = [baseline(row) for row in rows.rows]
    found = output_differences([_of(row, interface.output_names) for row in theirs], ours)
    if wrong := [name for name, one in found.items() if not one <= PARITY]:
        where = _first_parting(made, engine, replace(rows, axes=axes))
        raise ModelError(
            f"model: {made.spec.where}: the baseline's output {wrong[0]!r} is {_apart(found[wrong[0]])} from "
            f"that of {made.framework}; {where}; give an ONNX file of your own export"
        )
    return found


def _first_parting(made: Conversion, engine: Engine, rows: Rows) -> str:
    """Say in words which layer is the first whose values differ, in the ONNX file as it was converted."""
    layers = about_converted(made.file).layers
    if engine.analysis is None or not layers or rows.axes is None:
        return "where they part is not known"
    row = rows.rows[:1]
    inputs = engine.interface(made.file).inputs
    theirs = run_apart(made.spec, made.root, row, rows.axes, inputs, layers)
    known = [name for name in layers if name in theirs[0]]
    ours = list(engine.analysis.tensor_values(made.file, row, known))
    found = output_differences([_of(theirs[0], known)], ours)
    first = next((name for name, one in found.items() if not one <= PARITY), None)
    if first is None:
        return f"they are alike up to the layer {known[-1]!r}" if known else "where they part is not known"
    return f"they part first at the layer {first!r} ({_apart(found[first])})"


def _of(row: Arrays, names: Sequence[str]) -> Arrays:
    return {name: row[name] for name in names if name in row}


def _apart(difference: float) -> str:
    return (
        f"{difference:.2g} of its largest value" if difference < float("inf") else "of another shape or type"
    )
