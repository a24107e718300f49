"""A candidate of parts beside its baseline: each part on the baseline's calls, then the whole."""

from collections.abc import Sequence
from pathlib import Path

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import Engine, LoadedModel, RunSettings
from inc_mlflow.engines.parts.engine import PartsEngine
from inc_mlflow.engines.parts.folder import PartsModel
from inc_mlflow.engines.parts.options import PerPart
from inc_mlflow.engines.parts.pipeline import load_pipeline, spread_calls
from inc_mlflow.files import model_sha256
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.spec import Recipe
from inc_mlflow.steps.compress.compare import ROWS, Reference


def reference_of(engine: Engine, baseline: Path, rows: Sequence[Arrays]) -> Reference:
    """Return what candidates of a baseline are compared with."""
    return (PartsReference if isinstance(engine, PartsEngine) else Reference)(engine, baseline, rows)


class PartsReference(Reference):
    """The baseline's outputs, and those of each of its parts on some of its calls.

    The whole follows choices, as of the next token: its outputs may have other sizes, and are compared in
    sorted order. So it is the parts that show whether a candidate computes what its baseline does.
    """

    def __init__(self, engine: Engine, baseline: Path, rows: Sequence[Arrays]) -> None:
        super().__init__(engine, baseline, rows)
        inner = engine.inner if isinstance(engine, PartsEngine) else engine
        model = PartsModel.open(baseline)
        calls = spread_calls(load_pipeline(model, inner, RunSettings()), rows, ROWS)
        self._parts = {
            name: Reference(inner, path, calls.get(name, ())) for name, path in model.parts.items()
        }

    def check(self, candidate: Path, label: str) -> LoadedModel:
        """Run changed parts, then the whole; raise ModelError as for one model, with the name of the part."""
        made = PartsModel.open(candidate).parts
        for name, reference in self._parts.items():
            if model_sha256(made[name]) != model_sha256(reference.baseline):
                reference.check(made[name], f"{label}, part {name}")
        return super().check(candidate, label)


def fp32_parts(recipe: Recipe, candidate: Path) -> list[str]:
    """Return the parts that a recipe names and that stay FP32 all the same, since nothing in them changes."""
    engine = ENGINES.get(recipe.engine)
    if not isinstance(engine, PartsEngine) or not isinstance(recipe, PerPart):
        return []
    parts = PartsModel.open(candidate).parts
    return [name for name in recipe.parts if not engine.inner.int8_operators(parts[name])]
