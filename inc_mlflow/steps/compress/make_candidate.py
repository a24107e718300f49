"""From a recipe to a candidate: written by its method, loaded, and compared with the baseline."""

from pathlib import Path

from inc_mlflow.engines.engine import LoadedModel, MethodData
from inc_mlflow.files import writable
from inc_mlflow.registry.methods import METHODS, method_name
from inc_mlflow.spec import Recipe
from inc_mlflow.steps.compress.compare import Reference


def make_candidate(recipe: Recipe, data: MethodData, target: Path, reference: Reference) -> LoadedModel:
    """Write one candidate and return it, loaded, once its outputs are near those of the baseline.

    Raises ModelError where the recipe changes nothing, or cannot be made, or its model does not run or
    computes something else than the baseline.
    """
    apply_recipe(reference.baseline, recipe, data, target)
    return reference.check(target, recipe.label())


def apply_recipe(baseline: Path, recipe: Recipe, data: MethodData, target: Path) -> None:
    """Write the model of a recipe by its method; raise ModelError where that cannot be."""
    with writable(target):
        METHODS.get(method_name(recipe.engine, recipe.method)).apply(baseline, recipe, data, target)
