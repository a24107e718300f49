"""Import a model, of one graph or of several: each part is imported and compared by itself, on its calls."""

from pathlib import Path

from inc_mlflow.engines.engine import Engine, Imported, RunSettings
from inc_mlflow.engines.parts.engine import PartsEngine
from inc_mlflow.engines.parts.folder import PartsModel
from inc_mlflow.engines.parts.pipeline import FunctionError, load_pipeline, spread_calls
from inc_mlflow.errors import ModelError
from inc_mlflow.steps.prepare.checked_import import CheckedImport, Rows, checked_import

CALLS = 16
"""Calls of a part on which its source and its baseline are compared."""


def import_checked(engine: Engine, source: Path, folder: Path, rows: Rows) -> CheckedImport:
    """Write the baseline into ``folder``, compared with its source; raise what ``checked_import`` raises."""
    if isinstance(engine, PartsEngine):
        return _import_parts(engine, source, folder, rows)
    return checked_import(engine, source, folder, rows)


def _import_parts(engine: PartsEngine, source: Path, folder: Path, rows: Rows) -> CheckedImport:
    """Import each part, and run the whole once more with the baselines of all parts."""
    model = PartsModel.open(source)
    calls, error = _calls(engine, model, rows)
    made: dict[str, CheckedImport] = {}
    for name, path in model.parts.items():
        place = engine.part_folder(folder, name)
        place.mkdir(parents=True, exist_ok=True)
        made[name] = checked_import(engine.inner, path, place, calls[name])
    engine.add_code(source, folder)
    baseline = engine.load(folder / engine.model_name, RunSettings())
    for row in rows.rows:
        baseline(row)
    differences = [one.difference for one in made.values() if one.difference is not None]
    return CheckedImport(
        Imported(
            {"parts": len(made)},
            notes=tuple(f"{name}: {note}" for name, one in made.items() for note in one.imported.notes),
        ),
        left_out=tuple(f"{name}/{rewrite}" for name, one in made.items() for rewrite in one.left_out),
        difference=max(differences, default=None),
        source_error=error,
    )


def _calls(engine: PartsEngine, model: PartsModel, rows: Rows) -> tuple[dict[str, Rows], str | None]:
    """Return what the sources of the parts are called with, and why they do not run where they do not."""
    try:
        pipeline = load_pipeline(model, engine.inner, RunSettings())
        calls = spread_calls(pipeline, rows.rows, CALLS)
    except FunctionError:
        raise
    except ModelError as error:  # a part that needs its import to run
        return dict.fromkeys(model.parts, Rows(())), str(error)
    return {name: Rows(calls.get(name, ())) for name in model.parts}, None
