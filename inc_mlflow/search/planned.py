"""The order of a search whose engine can plan: its plan stands in for leaving nodes out one by one."""

from collections.abc import Sequence
from typing import Protocol

from inc_mlflow.engines.engine import SearchSpace
from inc_mlflow.engines.plan import LEAST_GAIN, RecipePlan
from inc_mlflow.records import Trial
from inc_mlflow.search.mending import mend
from inc_mlflow.search.strategy import explore, leave_slower_nodes, promising
from inc_mlflow.search.trials import Trials, speed
from inc_mlflow.spec import Recipe, parse_recipe


class PlannedTrials(Trials, Protocol):
    """Trials of an engine that may plan."""

    def plan(self, space: SearchSpace) -> RecipePlan | None:
        """Return the space's plan; None where it cannot plan, or the time for that was not enough."""
        ...


def explore_with_plan(space: SearchSpace, runner: PlannedTrials) -> None:
    """Try the first recipe, plan, try what is planned, mend what is fast and wrong, then refine the best one.

    Where the plan says that nothing can gain, its best recipe shows it, and only what was fast and wrong is
    mended: it may be of nodes that a plan does not cover. Where another recipe is faster than all that are
    planned, its slower nodes go back as without a plan. Without one, the search goes from recipe to recipe.
    Raises Spent when the budget is spent.
    """
    first = list(space.first())
    _try(runner, first[:1])  # before the plan, which may take all the time of a small budget
    plan = runner.plan(space)
    if plan is None:
        explore(space, runner)
        return
    planned = [one.recipe for one in plan.planned]
    if plan.gain < LEAST_GAIN:
        _try(runner, planned[:1])
        mend(space, runner)
        return
    _try(runner, (*planned, *first[1:]))
    mend(space, runner)
    methods = {recipe.method for recipe in planned}
    for base in _fastest(space, runner):
        if base.recipe["method"] not in methods:
            leave_slower_nodes(base, space, runner)
    for refine in space.refinements():
        for base in _fastest(space, runner):
            _try(runner, tuple(refine(parse_recipe(base.recipe))))


def _fastest(space: SearchSpace, runner: Trials) -> list[Trial]:
    """Return the fastest of the promising trials, in a list; an empty one without any."""
    return sorted(promising(runner.trials, space.methods), key=speed)[-1:]


def _try(runner: Trials, recipes: Sequence[Recipe]) -> None:
    for recipe in recipes:
        runner.trial(recipe)
