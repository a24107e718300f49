"""How far each rewrite that makes a baseline faster moves its outputs: it is imported once without each."""

import tempfile
from pathlib import Path

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import Engine, RunSettings
from inc_mlflow.errors import ModelError
from inc_mlflow.files import model_bytes
from inc_mlflow.records import AppliedRewrite
from inc_mlflow.steps.prepare.checked_import import CheckedImport, Rows
from inc_mlflow.steps.prepare.compare_outputs import relative_difference

_ROWS = 2
_LARGEST = 2**26
"""Bytes of a baseline up to which the time for that is small."""


def applied_rewrites(
    engine: Engine, source: Path, baseline: Path, made: CheckedImport, rows: Rows
) -> tuple[AppliedRewrite, ...]:
    """Return the counted rewrites of an import, in their order, with their differences on the first rows.

    A baseline without one that does not run, and a large one, leave the difference unknown.
    """
    applied = {name: places for name, places in made.imported.rewritten.items() if places}
    measured = bool(applied and rows.rows) and model_bytes(baseline) <= _LARGEST
    outputs = _outputs(engine, baseline, rows) if measured else None
    found = []
    for name, places in applied.items():
        others = _without(engine, source, (*made.left_out, name), rows) if outputs is not None else None
        difference = relative_difference(others, outputs) if outputs and others else None
        found.append(AppliedRewrite(name=name, places=places, largest_difference=difference))
    return tuple(found)


def _without(engine: Engine, source: Path, without: tuple[str, ...], rows: Rows) -> list[Arrays] | None:
    with tempfile.TemporaryDirectory() as folder:
        try:
            engine.import_source(source, Path(folder), without, rows.kept)
            return _outputs(engine, Path(folder) / engine.model_name, rows)
        except ModelError:  # the rewrite is what lets it run
            return None


def _outputs(engine: Engine, model: Path, rows: Rows) -> list[Arrays]:
    loaded = engine.load(model, RunSettings(axes=rows.axes))
    return [loaded(row) for row in rows.rows[:_ROWS]]
