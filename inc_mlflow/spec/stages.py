"""The stages of a job: each beginning that its chains share is made once."""

from collections.abc import Sequence
from dataclasses import dataclass

from inc_mlflow.spec.recipes import Recipe


@dataclass(frozen=True)
class Stage:
    """One change of the source's module; stages count from 1."""

    number: int
    recipe: Recipe
    previous: int
    """Number of the stage that it goes on from; 0 is the source as it was given."""
    ends: bool
    """Whether recipes of the job take its model to the engine."""


def stages_of(recipes: Sequence[Recipe]) -> tuple[Stage, ...]:
    """Return all stages of a job's recipes; each comes behind the one that it goes on from."""
    numbers = _numbers(recipes)
    ends = {numbers[recipe.stages] for recipe in recipes if recipe.stages}
    return tuple(
        Stage(number, done[-1], numbers.get(done[:-1], 0), number in ends) for done, number in numbers.items()
    )


def stage_number(recipe: Recipe, recipes: Sequence[Recipe]) -> int:
    """Return the stage whose model a recipe of the job begins with; 0 is the baseline."""
    return _numbers(recipes)[recipe.stages] if recipe.stages else 0


def _numbers(recipes: Sequence[Recipe]) -> dict[tuple[Recipe, ...], int]:
    """Return the number of each beginning of a chain."""
    found: dict[tuple[Recipe, ...], int] = {}
    for recipe in recipes:
        for length in range(1, len(recipe.stages) + 1):
            found.setdefault(recipe.stages[:length], len(found) + 1)
    return found
