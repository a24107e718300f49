"""A trial before its first test."""

from typing import Any

from inc_mlflow.records import Trial
from inc_mlflow.spec import Recipe


def untried(recipe: Recipe, number: int, max_relative_drop: float) -> Trial:
    """Return the trial of a recipe, the ``number``-th of its search, without any number."""
    unprotected = recipe.unprotected()
    return Trial(
        recipe=_plain(recipe),
        label=recipe.label(),
        protects=None if unprotected is None else _plain(unprotected),
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


def _plain(recipe: Recipe) -> dict[str, Any]:
    return recipe.model_dump(mode="json", exclude_none=True)
