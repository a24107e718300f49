"""The order of a search: structure, mending, slow nodes, refinements, sensitive nodes, protection."""

from collections.abc import Sequence

from inc_mlflow.engines.engine import SearchSpace
from inc_mlflow.records import Trial
from inc_mlflow.search.front import accepted, front, shortlist, surely_within
from inc_mlflow.search.mending import mend, most_sensitive
from inc_mlflow.search.trials import Trials, speed
from inc_mlflow.spec import parse_recipe

_ROUNDS = 3
_PATIENCE = 2
"""Trials in a row without a gain before a search stops: one FP32 node between two INT8 nodes costs
conversions, and a pair of them may not."""
_WORTH = 0.85
"""A recipe below this share of the fastest one's speed is not refined."""
_NEAR = 0.02
"""Relative distance of the outputs up to which no metric was seen to change."""
_GAIN = 0.01
"""A smaller relative gain in speed is noise."""


def explore(space: SearchSpace, runner: Trials) -> None:
    """Try recipes until nothing promising is left; raise Spent when the budget is spent."""
    for recipe in space.first():
        runner.trial(recipe)
    mend(space, runner)
    for base in promising(runner.trials, space.methods):
        leave_slower_nodes(base, space, runner)
    for refine in space.refinements():
        for base in promising(runner.trials, space.methods):
            for recipe in refine(parse_recipe(base.recipe)):
                runner.trial(recipe)
    for base in promising(runner.trials, space.methods):
        _leave_sensitive_nodes(base, space, runner)


def protect(space: SearchSpace, runner: Trials, everywhere: bool) -> None:
    """Try each recipe of the shortlist in its form that is safe on other CPUs.

    A protected model replaces its unprotected form, so another trial may enter the shortlist; this repeats
    until the shortlist is protected. ``everywhere`` says that the job is judged on such a CPU. Raises Spent
    when the budget is spent.
    """
    tried = -1
    while tried != len(runner.trials):
        tried = len(runner.trials)
        for trial in shortlist(accepted(runner.trials)):
            if (recipe := space.protected(parse_recipe(trial.recipe), everywhere)) is not None:
                runner.trial(recipe)


def promising(trials: Sequence[Trial], methods: Sequence[str]) -> list[Trial]:
    """Return the fastest accepted trial of each method if it is nearly the fastest of all.

    Without any, return the shortlist.
    """
    by_method = [[trial for trial in trials if trial.recipe["method"] == method] for method in methods]
    best = [trial for of_method in by_method for trial in front(of_method)[:1]]
    fastest = max(map(speed, best), default=0.0)
    return [trial for trial in best if speed(trial) >= _WORTH * fastest] or shortlist(trials)


def leave_slower_nodes(base: Trial, space: SearchSpace, runner: Trials) -> None:
    """Leave nodes in FP32 that INT8 makes no faster; repeat while that brings speed."""
    for _round in range(_ROUNDS):
        better = _fewer(base, space, runner)
        if better is base:
            return
        base = better


def _fewer(base: Trial, space: SearchSpace, runner: Trials) -> Trial:
    """Return the fastest of trials that leave out the slowest nodes, one more at a time, or ``base``."""
    recipe, best, misses = parse_recipe(base.recipe), base, 0
    nodes = [name for name in runner.slower_nodes(recipe) if name not in recipe.kept_fp32]
    for count in range(1, len(nodes) + 1):
        trial = runner.trial(space.without(recipe, nodes[:count]))
        better = speed(trial) > speed(best) * (1 + _GAIN)
        best, misses = (trial, 0) if better else (best, misses + 1)
        if misses == _PATIENCE:
            break
    return best


def _leave_sensitive_nodes(base: Trial, space: SearchSpace, runner: Trials) -> None:
    """Leave in FP32 the nodes that add most error, more of them while little speed is lost."""
    if _is_exact(base):
        return
    recipe = parse_recipe(base.recipe)
    for nodes in most_sensitive(recipe, runner):
        if speed(runner.trial(space.without(recipe, nodes))) < _WORTH * speed(base):
            return


def _is_exact(trial: Trial) -> bool:
    """Tell whether neither the metric nor the outputs of a trial show a loss."""
    if trial.output_error is None or not surely_within(trial):
        return False
    return all(drop.value <= 0 for drop, _ in trial.losses) and trial.output_error <= _NEAR
