"""Import a model, of one graph or of several: each part is imported and compared by itself, on its calls."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.composed import Parts
from inc_mlflow.engines.engine import Engine, Imported, RunSettings
from inc_mlflow.errors import ModelError
from inc_mlflow.steps.prepare.checked_import import CheckedImport, Rows, checked_import

CALLS = 16
"""Calls of a part on which its source and its baseline are compared."""


def import_checked(engine: Engine, source: Path, folder: Path, rows: Rows) -> CheckedImport:
    """Write the baseline into ``folder``, compared with its source; raise what ``checked_import`` raises."""
    if engine.parts is None:
        return checked_import(engine, source, folder, rows)
    calls, fault = _calls(engine.parts, source, rows)
    made: dict[str, CheckedImport] = {}
    for name, part in engine.parts.of(source).items():
        place = engine.parts.place(folder, name)
        place.mkdir(parents=True, exist_ok=True)
        axes = engine.parts.axes(part)
        own = Rows(calls[name], axes=axes, kept=axes)
        made[name] = checked_import(engine.parts.inner, part, place, own)
    engine.parts.put_together(source, folder)
    try:
        baseline = engine.load(folder / engine.model_name, RunSettings())
        for row in rows.rows:
            baseline(row)
    except ModelError as error:
        raise fault or error from error
    return _all(made, fault)


def _calls(
    parts: Parts, source: Path, rows: Rows
) -> tuple[Mapping[str, Sequence[Arrays]], ModelError | None]:
    """Return what the sources of the parts are called with, and why they do not run where they do not.

    A part may need its import to run.
    """
    try:
        return parts.calls(source, rows.rows, CALLS), None
    except ModelError as error:
        return dict.fromkeys(parts.of(source), ()), error


def _all(made: Mapping[str, CheckedImport], fault: ModelError | None) -> CheckedImport:
    differences = [one.difference for one in made.values() if one.difference is not None]
    notes = (f"{name}: {note}" for name, one in made.items() for note in one.imported.notes)
    rewritten = {
        f"{name}/{rewrite}": count
        for name, one in made.items()
        for rewrite, count in one.imported.rewritten.items()
    }
    return CheckedImport(
        Imported({"parts": len(made)}, notes=tuple(notes), rewritten=rewritten),
        left_out=tuple(f"{name}/{rewrite}" for name, one in made.items() for rewrite in one.left_out),
        difference=max(differences, default=None),
        source_error=None if fault is None else str(fault),
    )
