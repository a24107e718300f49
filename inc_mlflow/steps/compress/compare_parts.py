"""A candidate of parts beside its baseline: each part on the baseline's calls, then the whole."""

from collections.abc import Sequence
from pathlib import Path

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.composed import Parts
from inc_mlflow.engines.engine import Engine, LoadedModel
from inc_mlflow.files import model_sha256
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.spec import Recipe
from inc_mlflow.steps.compress.compare import ROWS, Reference


def reference_of(engine: Engine, baseline: Path, rows: Sequence[Arrays]) -> Reference:
    """Return what candidates of a baseline are compared with."""
    if engine.parts is None:
        return Reference(engine, baseline, rows)
    return PartsReference(engine, engine.parts, baseline, rows)


class PartsReference(Reference):
    """The baseline's outputs, and those of each of its parts on some of its calls.

    The whole follows choices, as of the next token: its outputs may have other sizes, and are compared in
    sorted order. So it is the parts that show whether a candidate computes what its baseline does.
    """

    def __init__(self, engine: Engine, parts: Parts, baseline: Path, rows: Sequence[Arrays]) -> None:
        super().__init__(engine, baseline, rows)
        calls = parts.calls(baseline, rows, ROWS)
        self._of = parts.of
        self._references = {
            name: Reference(parts.inner, path, calls[name]) for name, path in parts.of(baseline).items()
        }

    def check(self, candidate: Path, label: str) -> LoadedModel:
        """Run changed parts, then the whole; raise ModelError as for one model, with the name of the part."""
        made = self._of(candidate)
        for name, reference in self._references.items():
            if model_sha256(made[name]) != model_sha256(reference.baseline):
                reference.check(made[name], f"{label}, part {name}")
        return super().check(candidate, label)


def fp32_parts(recipe: Recipe, candidate: Path) -> list[str]:
    """Return the parts that a recipe names and that stay FP32 all the same, since nothing in them changes."""
    parts = ENGINES.get(recipe.engine).parts
    if parts is None:
        return []
    made = parts.of(candidate)
    return [name for name in sorted(parts.named(recipe)) if not parts.inner.int8_operators(made[name])]
