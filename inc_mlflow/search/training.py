"""Training in a search: what no other form of a fast recipe could mend."""

from typing import Protocol

from inc_mlflow.engines.engine import SearchSpace
from inc_mlflow.records import Trial
from inc_mlflow.search.mending import faster_and_wrong
from inc_mlflow.search.trials import Trials, speed
from inc_mlflow.spec import Recipe, parse_recipe

_NEARLY = 0.85
"""Of recipes with this share of the fastest one's speed the one that loses least is trained."""


class TrainedTrials(Trials, Protocol):
    """Trials of an engine whose candidates may be trained."""

    def training_of(self, start: Recipe) -> Recipe | None:
        """Return the recipe that trains a start, as long as the budget allows; None where that cannot be."""
        ...


def train(space: SearchSpace, runner: TrainedTrials, everywhere: bool) -> None:
    """Train the most promising recipe that is faster than any accepted one and loses too much.

    It begins in the form that is safe on other CPUs, since a trained model cannot be made so behind it;
    ``everywhere`` says that the job is judged on such a CPU. Raises Spent when the budget is spent.
    """
    wrong = faster_and_wrong(runner)
    fastest = max(map(speed, wrong), default=0.0)
    for trial in sorted(wrong, key=lambda one: (speed(one) < _NEARLY * fastest, _loss(one))):
        start = parse_recipe(trial.recipe)
        recipe = runner.training_of(space.protected(start, everywhere) or start)
        if recipe is not None:
            runner.trial(recipe)
            return


def _loss(trial: Trial) -> float:
    """Return the largest drop in limits; without a score it is the last."""
    return max((drop.value / max(limit, 1e-6) for drop, limit in trial.losses), default=float("inf"))
