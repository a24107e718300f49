"""The order of a search whose engine can plan: its plan stands in for leaving nodes out one by one."""

from collections.abc import Sequence
from itertools import chain
from typing import Protocol

from inc_mlflow.engines.engine import SearchSpace
from inc_mlflow.engines.plan import LEAST_GAIN, RecipePlan
from inc_mlflow.records import Trial
from inc_mlflow.search.front import accepted
from inc_mlflow.search.strategy import Trials, explore, promising
from inc_mlflow.spec import Recipe, parse_recipe

_MENDED = 2
"""Fast and wrong recipes that are refined: more of them fail alike."""
_FASTER = 1.01
"""A smaller ratio of speeds is noise."""


class PlannedTrials(Trials, Protocol):
    """Trials of an engine that may plan."""

    def plan(self, space: SearchSpace) -> RecipePlan | None:
        """Return the space's plan; None where it cannot plan, or the time for that was not enough."""
        ...


def explore_with_plan(space: SearchSpace, runner: PlannedTrials) -> None:
    """Try what is planned between the first recipes, then refine the best one.

    Where the plan says that nothing can gain, one recipe shows it. Without a plan, the search goes from
    recipe to recipe. Raises Spent when the budget is spent.
    """
    plan = runner.plan(space)
    if plan is None:
        explore(space, runner)
        return
    planned, first = [one.recipe for one in plan.planned], list(space.first())
    if plan.gain < LEAST_GAIN:
        _try(runner, (planned or first)[:1])
        return
    _try(runner, (*first[:1], *planned, *first[1:]))
    _mend(space, runner)
    for refine in space.refinements():
        for base in sorted(promising(runner.trials, space.methods), key=_speed)[-1:]:
            _try(runner, tuple(refine(parse_recipe(base.recipe))))


def _try(runner: Trials, recipes: Sequence[Recipe]) -> None:
    for recipe in recipes:
        runner.trial(recipe)


def _mend(space: SearchSpace, runner: Trials) -> None:
    """Refine recipes that are faster than any accepted one and lose too much, the fastest first."""
    best = max(map(_speed, accepted(runner.trials)), default=0.0)
    wrong = [one for one in runner.trials if one.rejected is not None and one.relative_drop is not None]
    faster = [one for one in wrong if _speed(one) > best * _FASTER]
    for trial in sorted(faster, key=_speed, reverse=True)[:_MENDED]:
        recipe = parse_recipe(trial.recipe)
        variants = chain.from_iterable(refine(recipe) for refine in space.refinements())
        if any(runner.trial(variant).rejected is None for variant in variants):
            return


def _speed(trial: Trial) -> float:
    return trial.speedup.value if trial.speedup is not None else 0.0
