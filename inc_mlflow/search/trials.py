"""What a search asks for: trials of recipes, and what is known of their nodes."""

from collections.abc import Sequence
from typing import Protocol

from inc_mlflow.records import Trial
from inc_mlflow.spec import Recipe


class Trials(Protocol):
    """Makes and measures trials; a recipe that was tried before comes from the journal."""

    @property
    def trials(self) -> Sequence[Trial]:
        """All trials so far."""
        ...

    def trial(self, recipe: Recipe) -> Trial:
        """Make, measure and record one recipe; raise Spent where the budget is not enough."""
        ...

    def sensitive_nodes(self, recipe: Recipe) -> Sequence[str]:
        """Return the nodes of a recipe that add error, worst first; none where the engine has no analysis."""
        ...

    def slower_nodes(self, recipe: Recipe) -> Sequence[str]:
        """Return the nodes that a recipe makes no faster, slowest first; none without an analysis."""
        ...


def speed(trial: Trial | None) -> float:
    """Return the speed-up of a trial; zero where it has none."""
    return trial.speedup.value if trial is not None and trial.speedup is not None else 0.0
