"""What steps ask about the parts of a model: where they are, and what they are called with."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import Engine, RunSettings
from inc_mlflow.engines.parts.folder import MODEL, PartsModel
from inc_mlflow.engines.parts.options import PerPart
from inc_mlflow.engines.parts.pipeline import Pipeline, declared_axes, load_pipeline, spread_calls
from inc_mlflow.engines.row_axes import RowAxes


class Composition:
    """Takes models of parts apart and puts them together; ``inner`` runs and compresses each part."""

    def __init__(self, inner: Engine) -> None:
        self.inner = inner

    def check(self, source: Path) -> None:
        """Raise ModelError where the file with the function does not run, or has no such function."""
        Pipeline(PartsModel.open(source), {})

    def of(self, model: Path) -> Mapping[str, Path]:
        """Return the parts by name; raise ModelError where the model is no model of parts."""
        return PartsModel.open(model).parts

    def calls(self, model: Path, rows: Iterable[Arrays], most: int) -> Mapping[str, list[Arrays]]:
        """Run rows, and return some calls of each part; raise ModelError where the model does not run."""
        opened = PartsModel.open(model)
        none: dict[str, list[Arrays]] = {name: [] for name in opened.parts}
        return none | spread_calls(load_pipeline(opened, self.inner, RunSettings()), rows, most)

    def axes(self, part: Path) -> RowAxes:
        """Return the axes of rows by which a part is called: its arrays are as it declares them."""
        return declared_axes(self.inner, part)

    def place(self, folder: Path, part: str) -> Path:
        """Return the folder of a part, in the model that a step's ``folder`` holds."""
        return folder / MODEL / part

    def put_together(self, source: Path, folder: Path) -> None:
        """Add the code and the description to a model whose parts are in their places."""
        model = PartsModel.open(source)
        model.copy_code(folder / MODEL)
        placed = {name: self.place(folder, name) / self.inner.model_name for name in model.parts}
        model.describe(folder / MODEL, placed)

    def named(self, recipe: PerPart) -> frozenset[str]:
        """Return the parts that have a recipe of their own."""
        return frozenset(recipe.parts)
