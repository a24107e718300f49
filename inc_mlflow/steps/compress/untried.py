"""A trial before its first test."""

from typing import Any

from inc_mlflow.records import Trial
from inc_mlflow.spec import Recipe


def _plain(recipe: Recipe | None) -> dict[str, Any] | None:
    return None if recipe is None else recipe.model_dump(mode="json", exclude_none=True)


def untried(recipe: Recipe, number: int, max_relative_drop: float) -> Trial:
    """Return the trial of a recipe, the ``number``-th of its search, without any number."""
    return Trial(
        recipe=recipe.model_dump(mode="json", exclude_none=True),
        label=recipe.label(),
        protects=_plain(recipe.unprotected()),
        directory=f"trials/{number}",
        sha256=None,
        size_bytes=None,
        speedup=None,
        rows=0,
        accuracy=None,
        relative_drop=None,
        disagreement=None,
        max_relative_drop=max_relative_drop,
        output_error=None,
        rejected=None,
        cpu_seconds=0.0,
        seconds=0.0,
    )
