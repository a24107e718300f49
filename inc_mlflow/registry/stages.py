"""The methods that change a framework's module, as the role that they play."""

from typing import TYPE_CHECKING, Any, cast

from inc_mlflow.registry.methods import METHODS, method_name

if TYPE_CHECKING:
    from inc_mlflow.sources.stage import StageMethod


def stage_method(recipe: Any) -> "StageMethod":
    """Import and return the method of a recipe that changes the module."""
    return cast("StageMethod", METHODS.get(method_name(recipe.engine, recipe.method)))
