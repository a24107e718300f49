"""Each part by a recipe of its own: the methods are those of the engine that runs the parts."""

from collections.abc import Iterable
from pathlib import Path

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import MethodData, RunSettings, Statistics
from inc_mlflow.engines.parts.calibration import PartsStatistics
from inc_mlflow.engines.parts.folder import PartsModel
from inc_mlflow.engines.parts.options import PerPart
from inc_mlflow.engines.parts.pipeline import calls_of, load_pipeline
from inc_mlflow.errors import ModelError, UnchangedError
from inc_mlflow.files import copy_model
from inc_mlflow.registry import did_you_mean
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.registry.methods import METHODS, method_name


class PerPartMethod:
    """Applies the recipe of each part to that part, on its own calls."""

    def check(self, recipe: PerPart) -> None:
        """Raise ModelError where a part's recipe is not possible, or is itself one of parts."""
        for name, one in recipe.parts.items():
            if isinstance(one, PerPart):
                raise ModelError(
                    f"recipe {recipe.label()!r}: parts.{name}: a part has no parts; give a method"
                )
            METHODS.get(method_name(one.engine, one.method)).check(one)

    def apply(self, baseline: Path, recipe: PerPart, data: MethodData, target: Path) -> None:
        """Write the folder of the candidate.

        A part in which its recipe changes nothing is that of the baseline. Raises UnchangedError where no
        part changes, ModelError where there is no part that the recipe names, or one cannot be made.
        """
        self.check(recipe)
        model = PartsModel.open(baseline)
        for name in recipe.parts:
            if name not in model.parts:
                there = ", ".join(model.parts)
                raise ModelError(
                    f"recipe {recipe.label()!r}: no part {name!r}{did_you_mean(name, model.parts)}; "
                    f"there are {there}"
                )
        target.mkdir(parents=True, exist_ok=True)
        model.copy_code(target)
        placed = {name: target / path.relative_to(baseline) for name, path in model.parts.items()}
        unchanged: list[UnchangedError] = []
        for name, part in placed.items():
            part.parent.mkdir(exist_ok=True)
            try:
                _write(model, name, recipe, data, part)
            except UnchangedError as error:
                copy_model(model.parts[name], part)
                unchanged.append(error)
        model.describe(target, placed)
        if len(unchanged) == len(recipe.parts):
            raise unchanged[0]


def _write(model: PartsModel, name: str, recipe: PerPart, data: MethodData, target: Path) -> None:
    """Write one part of the candidate; raise UnchangedError where its recipe changes nothing."""
    if name not in recipe.parts:
        copy_model(model.parts[name], target)
        return
    one = recipe.parts[name]

    def calls() -> Iterable[Arrays]:
        engine = ENGINES.get(one.engine)
        return calls_of(load_pipeline(model, engine, RunSettings(threads=data.threads)), data.rows(), name)

    own = MethodData(calls, _of_part(data.statistics, name), data.threads)
    METHODS.get(method_name(one.engine, one.method)).apply(model.parts[name], one, own, target)


def _of_part(statistics: Statistics | None, name: str) -> Statistics | None:
    """Return the statistics of one part; raise TypeError where another calibrator made them."""
    if statistics is None:
        return None
    if not isinstance(statistics, PartsStatistics):
        raise TypeError(f"statistics of another engine: {type(statistics).__name__}")
    return statistics.parts.get(name)


METHOD = PerPartMethod()
