"""Take a source through import, calibration and recipes, and say of each whether it is right or refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import MethodData, RunSettings
from inc_mlflow.engines.find_row_axes import row_axes_of
from inc_mlflow.engines.row_axes import RowAxes
from inc_mlflow.errors import DataError, IncError, ModelError
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.spec import parse_recipe
from inc_mlflow.steps.baselines import baseline_path
from inc_mlflow.steps.compress.compare import Reference
from inc_mlflow.steps.compress.make_candidate import make_candidate
from inc_mlflow.steps.prepare.checked_import import Rows
from inc_mlflow.steps.prepare.import_model import import_baselines

ENGINE = "onnxruntime"
EXACT = 1e-3
"""Largest difference of a baseline's output from the source's, relative to its largest finite value."""
RECIPES: Mapping[str, dict[str, Any]] = {
    "qdq": {"method": "static"},
    "qop": {"method": "static", "quant_format": "QOperator"},
    "dyn": {"method": "dynamic"},
    "qdq-u8w": {"method": "static", "weight_type": "QUInt8"},
}


@dataclass(frozen=True)
class Outcome:
    """How one step ended: ``right``, ``wrong``, or ``refused`` with its line. Other exceptions propagate."""

    verdict: str
    text: str = ""
    error: float = 0.0
    """Largest relative error of an output."""


def walk(source: Path, rows: Arrays, folder: Path, limit: float, recipes: list[str]) -> dict[str, Outcome]:
    """Return the outcomes of ``import`` and, unless it is refused, of each recipe.

    ``rows`` are in the order of the model's inputs, under any names.
    """
    try:
        names = [spec.name for spec in ENGINES.get(ENGINE).interface(source).inputs]
    except IncError as error:
        return {"import": Outcome("refused", str(error))}
    fed = dict(zip(names, rows.values(), strict=True))
    return walk_batches(source, single_rows(fed), folder, limit, recipes)


def single_rows(rows: Arrays) -> list[Arrays]:
    """Return batches of one row each."""
    count = len(next(iter(rows.values())))
    return [{name: value[i : i + 1] for name, value in rows.items()} for i in range(count)]


def walk_batches(
    source: Path, batches: list[Arrays], folder: Path, limit: float, recipes: list[str]
) -> dict[str, Outcome]:
    """Return the same for batches by the names of the model's inputs, as they are fed."""
    axes = _said_axes(source)
    try:
        import_baselines(source, [ENGINE], folder, Rows(batches[:8], axes=axes, kept=axes))
    except IncError as error:
        return {"import": Outcome("refused", str(error))}
    baseline = baseline_path(folder, ENGINE, ENGINE)
    outcomes = {"import": _judged(_run(source, batches, axes), _run(baseline, batches), EXACT, np.max)}
    for name in recipes:
        outcomes[name] = _candidate(baseline, name, batches, folder / name, limit)
    return outcomes


def _said_axes(source: Path) -> RowAxes | None:
    """Return what a job would have to say of the axes; None where the model is clear, or cannot be read."""
    try:
        row_axes_of(ENGINES.get(ENGINE).interface(source))
    except ModelError as error:
        return RowAxes({}, declared=True) if "data: {axes" in str(error) else None
    except DataError:
        return RowAxes({}, declared=True)
    return None


def _candidate(baseline: Path, name: str, rows: list[Arrays], folder: Path, limit: float) -> Outcome:
    recipe = parse_recipe(RECIPES[name])
    folder.mkdir()
    target = folder / baseline.name
    engine = ENGINES.get(ENGINE)
    assert engine.calibrator is not None
    try:
        statistics = (
            engine.calibrator.collect(baseline, rows, recipe.statistics, 1) if recipe.statistics else None
        )
        data = MethodData(lambda: rows, statistics, 1)
        make_candidate(recipe, data, target, Reference(engine, baseline, rows))
    except IncError as error:
        return Outcome("refused", str(error))
    return _judged(_run(baseline, rows), _run(target, rows), limit, np.mean)


def _run(model: Path, rows: list[Arrays], axes: RowAxes | None = None) -> list[Arrays] | None:
    """Return the outputs of each row; None where ONNX Runtime cannot run the model."""
    try:
        loaded = ENGINES.get(ENGINE).load(model, RunSettings(axes=axes))
        return [loaded(row) for row in rows]
    except IncError:
        return None


def _judged(true: list[Arrays] | None, found: list[Arrays] | None, limit: float, reduce: Any) -> Outcome:
    """Compare the float outputs, each relative to itself; the others must have equal shapes."""
    if true is None:
        return Outcome("right", "the source does not run")
    if found is None:
        return Outcome("wrong", "does not run", np.inf)
    worst = 0.0
    for name in true[0]:
        pairs = [(np.asarray(a[name]), np.asarray(b[name])) for a, b in zip(true, found, strict=True)]
        if any(a.shape != b.shape or a.dtype != b.dtype for a, b in pairs):
            return Outcome("wrong", f"output {name!r} has another shape or type", np.inf)
        worst = max(worst, _distance(pairs, reduce))
    return Outcome("right" if worst <= limit else "wrong", error=worst)


def _distance(pairs: list[tuple[np.ndarray, np.ndarray]], reduce: Any) -> float:
    a, b = (np.concatenate([np.ravel(pair[i]) for pair in pairs]) for i in (0, 1))
    if a.dtype.kind != "f" or not a.size:
        return 0.0
    finite = np.isfinite(a)
    if not np.array_equal(finite, np.isfinite(b)):
        return float("inf")
    a, b = a[finite].astype(np.float64), b[finite].astype(np.float64)
    if not a.size:
        return 0.0
    scale = np.max(np.abs(a)) if reduce is np.max else np.sqrt(np.mean(a**2))
    error = np.max(np.abs(a - b)) if reduce is np.max else np.sqrt(np.mean((a - b) ** 2))
    return float(error / scale) if scale else float(error > 0) * np.inf if error else 0.0
