"""The plan of a search: made within its share of the budget, and written down, for it must stay the same."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import MethodData
from inc_mlflow.engines.plan import Planning, RecipePlan
from inc_mlflow.errors import ModelError, reason
from inc_mlflow.search.budget import Budget, Spent
from inc_mlflow.steps.compress.answers import Answers

_SHARE, _MOST = 0.25, 0.35
"""Shares of the budget: what a plan should take, and when its questions get no more answers."""


@dataclass(frozen=True)
class RecordedPlan:
    """A plan, or None and why there is none."""

    plan: RecipePlan | None
    failure: str | None

    def behind(self, lag: float) -> Self:
        """Return it with speed-ups against a baseline that is ``lag`` times as fast as the plan's own."""
        if self.plan is None or lag == 1:
            return self
        plan = replace(self.plan, gain=self.plan.gain / lag, limit=self.plan.limit / lag)
        return replace(self, plan=plan)


def recorded_plan(
    space: Planning, data: MethodData, batches: Sequence[Arrays], answers: Answers, budget: Budget
) -> RecordedPlan:
    """Return the plan of a space, after a kill the same one; without time for one there is none."""
    share = budget.part(_SHARE)
    seconds = min(share.cpu_seconds, share.seconds)

    def work() -> dict[str, Any]:
        try:
            plan = space.plan(data, batches, answers, seconds)
        except ModelError as error:
            return {"plan": None, "failure": reason(error)}
        return {"plan": plan and plan.plain(), "failure": None}

    try:
        with answers.at_most(budget.part(_MOST)):
            answer = answers(f"plan {seconds:g}", work)
    except Spent:
        return RecordedPlan(None, "the budget is too small for its first measurements")
    plan = answer["plan"]
    return RecordedPlan(plan and RecipePlan.from_plain(plan), answer["failure"])
