"""What may recover the accuracy of a recipe that is fast and loses too much, or whose outputs are wrong."""

from collections.abc import Iterator, Sequence

from inc_mlflow.engines.engine import SearchSpace
from inc_mlflow.records import Trial
from inc_mlflow.search.front import accepted
from inc_mlflow.search.trials import Trials, speed
from inc_mlflow.spec import Recipe, parse_recipe

_FALLBACKS = (1, 2, 4, 8, 16)
"""Numbers of the most sensitive nodes that are tried in FP32."""
_MENDED = 2
"""Fast and wrong recipes that are mended: more of them fail alike."""
_FASTER = 1.01
"""A smaller ratio of speeds is noise."""


def mend(space: SearchSpace, runner: Trials) -> None:
    """Mend recipes that are faster than any accepted one and lose too much, the fastest first.

    The first form that is accepted is enough. Raises Spent when the budget is spent.
    """
    for wrong in faster_and_wrong(runner)[:_MENDED]:
        for recipe in _forms(wrong, space, runner):
            if runner.trial(recipe).rejected is None:
                return


def most_sensitive(recipe: Recipe, runner: Trials) -> Iterator[Sequence[str]]:
    """Yield the nodes of a recipe that add most error: 1, 2, 4, 8 and 16 of them, never more than half."""
    nodes = [name for name in runner.sensitive_nodes(recipe) if name not in recipe.kept_fp32]
    yield from (nodes[:count] for count in _FALLBACKS if count <= len(nodes) // 2)


def faster_and_wrong(runner: Trials) -> list[Trial]:
    """Return trials that are faster than any accepted one and lose too much, or depart; the fastest first."""
    best = max(map(speed, accepted(runner.trials)), default=0.0)
    refused = [one for one in runner.trials if one.rejected is not None]
    wrong = [one for one in refused if one.relative_drop is not None or one.departed]
    faster = [one for one in wrong if speed(one) > best * _FASTER]
    return sorted(faster, key=speed, reverse=True)


def _forms(wrong: Trial, space: SearchSpace, runner: Trials) -> Iterator[Recipe]:
    """Yield the recipe refined, and then without its most sensitive nodes.

    Where its outputs are not the baseline's at all, no refinement makes up for that.
    """
    recipe = parse_recipe(wrong.recipe)
    if not wrong.departed:
        for refine in space.refinements():
            yield from refine(recipe)
    for nodes in most_sensitive(recipe, runner):
        yield space.without(recipe, nodes)
