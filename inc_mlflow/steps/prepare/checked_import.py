"""Import a source so that its outputs are kept: a rewrite that changes them is left out."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import Engine, Imported, Interface, LoadedModel, RunSettings
from inc_mlflow.engines.find_row_axes import row_axes_of
from inc_mlflow.engines.row_axes import RowAxes
from inc_mlflow.errors import ModelError
from inc_mlflow.files import model_files
from inc_mlflow.steps.prepare.compare_outputs import (
    Comparison,
    compare_outputs,
    nan_output,
    nudged,
    own_noise,
    tolerance_of,
)
from inc_mlflow.steps.prepare.generated_rows import SIZES, generated_rows


@dataclass(frozen=True)
class Rows:
    """Rows on which source and baseline are compared, each a batch of one."""

    rows: Sequence[Arrays]
    generated: bool = False
    missing: str | None = None
    """Why there are none."""
    axes: RowAxes | None = None
    """Where the models have their rows; None leaves that to the models."""
    kept: RowAxes | None = None
    """What the baseline shall say of itself, where its shapes would not say the same."""


@dataclass(frozen=True)
class CheckedImport:
    """A baseline, and what the comparison with its source showed."""

    imported: Imported
    left_out: tuple[str, ...]
    """Rewrites without which it was made."""
    difference: float | None
    """Largest absolute difference of any output; None where nothing was compared."""
    source_error: str | None
    """Why the engine cannot run the source itself."""


def rows_for(engine: Engine, source: Path, count: int) -> Rows:
    """Return generated rows that the source takes, where there are no data."""
    interface = engine.interface(source)
    if not interface.inputs:
        return Rows((), missing="the model has no inputs")
    axes = _found_or_none(interface)
    inputs = axes.specs(interface.inputs)
    try:
        model = engine.load(source, RunSettings(axes=axes))
        for size in SIZES:
            rows = generated_rows(inputs, size, count)
            if _runs(model, rows[0]):
                return Rows(rows, generated=True, axes=axes)
    except ModelError as error:
        return Rows((), missing=str(error))
    return Rows(
        (), missing="the model takes none of the rows that were generated for its inputs; give --data"
    )


def _found_or_none(interface: Interface) -> RowAxes:
    """Return the axes of rows; where they are not clear, one call stands for a row."""
    try:
        return row_axes_of(interface)
    except ModelError:
        return RowAxes({spec.name: None for spec in interface.inputs}, dict.fromkeys(interface.output_names))


def checked_import(engine: Engine, source: Path, folder: Path, rows: Rows) -> CheckedImport:
    """Write the baseline into ``folder`` and compare its outputs with the source's.

    Where they differ, or an import fails that the engine does not need to run the source, each rewrite alone
    is left out, then all that were counted, then all. Raises ModelError with the fault of the whole import
    where none is right.
    """
    reference = _Reference(engine, source, rows)
    faults: list[ModelError] = []
    counts: dict[str, int] = {}
    for without in _attempts(engine, counts):
        path = folder / engine.model_name
        try:
            imported = engine.import_source(source, folder, without, rows.kept)
            counts |= {name: imported.rewritten[name] for name in imported.rewritten if name not in counts}
            difference = reference.compare(path, imported)
        except ModelError as error:
            _remove(path)
            faults.append(error)
            if reference.error is not None:  # nothing would tell a right import from a wrong one
                break
            continue
        return CheckedImport(imported, without, difference, reference.error)
    raise faults[0]


class _Reference:
    """The source's outputs on some rows; ``error`` says why it does not run, None where it does."""

    def __init__(self, engine: Engine, source: Path, rows: Rows) -> None:
        self._engine, self._source, self._rows, self._axes = engine, source, rows.rows, rows.axes
        self._outputs: list[Arrays] = []
        self.error: str | None = None
        try:
            self._outputs = self._of_source(self._rows)
        except ModelError as error:
            self.error = str(error)
        if not rows.generated:
            self._refuse_nan(self._outputs)

    def compare(self, baseline: Path, imported: Imported) -> float | None:
        """Return the largest difference; raise ModelError where the baseline is wrong or does not run."""
        after = self._run(baseline)
        if self.error is not None:
            return None
        if not self._rows:
            return None
        found = compare_outputs(self._outputs, after, tolerance_of(imported.precision))
        if found.fault is not None:
            found = self._with_own_noise(after, imported.precision)
        if found.fault is not None:
            raise ModelError(f"{self._source}: importing it changes its outputs: {found.fault}")
        return found.absolute

    def _of_source(self, rows: Sequence[Arrays]) -> list[Arrays]:
        """Return the source's outputs; the source does not stay in memory beside its baseline."""
        model = self._engine.load(self._source, RunSettings(axes=self._axes))
        return [model(row) for row in rows]

    def _run(self, baseline: Path) -> list[Arrays]:
        try:
            model = self._engine.load(baseline, RunSettings(axes=self._axes))
            outputs = [model(row) for row in self._rows]
        except ModelError as error:
            text = str(error).replace(str(baseline), f"{self._source}, as imported")
            raise ModelError(text) from error
        if self.error is not None:
            self._refuse_nan(outputs)
        return outputs

    def _with_own_noise(self, after: list[Arrays], precision: str) -> Comparison:
        """Compare again, allowing what the source itself shows when its inputs are rounded differently."""
        noise = own_noise(self._outputs, self._of_source(nudged(self._rows, precision)))
        return compare_outputs(self._outputs, after, tolerance_of(precision), noise)

    def _refuse_nan(self, outputs: list[Arrays]) -> None:
        if name := nan_output(outputs):
            raise ModelError(
                f"{self._source}: the model's output {name!r} is NaN; look for NaN in its weights, "
                "or for rows that it cannot take"
            )


def _attempts(engine: Engine, counts: Mapping[str, int]) -> Iterator[tuple[str, ...]]:
    """Yield what to leave out; ``counts`` are filled meanwhile: what found nothing need not be left out."""
    yield ()
    names = [name for name in engine.rewrites if counts.get(name, 1)]
    yield from ((name,) for name in names)
    if len(applied := tuple(name for name in names if name in counts)) > 1:
        yield applied
    if len(engine.rewrites) > 1:
        yield tuple(engine.rewrites)


def _runs(model: LoadedModel, row: Arrays) -> bool:
    try:
        model(row)
    except ModelError:
        return False
    return True


def _remove(path: Path) -> None:
    """Remove what an attempt wrote."""
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        for file in model_files(path):
            file.unlink()
