"""Candidates of a search that are no INT8: chosen where the gate allows them, else measured and told."""

from collections.abc import Sequence

from inc_mlflow.engines.engine import SearchSpace
from inc_mlflow.engines.other_precisions import OtherPrecisions
from inc_mlflow.formatting import times
from inc_mlflow.records import Trial
from inc_mlflow.search.front import accepted
from inc_mlflow.search.trials import Trials, speed
from inc_mlflow.spec import GateSpec, parse_recipe


def try_other_precisions(space: SearchSpace, runner: Trials, gate: GateSpec, allowed: bool) -> None:
    """Try those that the gate allows, or those that it does not; raise Spent when the budget is spent."""
    if isinstance(space, OtherPrecisions):
        for recipe in space.other_precisions():
            if (recipe.precision in gate.allow) == allowed:
                runner.trial(recipe)


def promotable(trials: Sequence[Trial], gate: GateSpec) -> list[Trial]:
    """Return the trials whose precision the gate allows."""
    return [trial for trial in trials if _precision(trial) in gate.allow]


def not_allowed_note(trials: Sequence[Trial], gate: GateSpec) -> str | None:
    """Say that something is faster than all that the gate allows; None where nothing is."""
    allowed = promotable(trials, gate)
    best = max(map(speed, accepted(allowed)), default=1.0)
    others = [trial for trial in accepted(trials) if trial not in allowed and speed(trial) > best]
    if not others:
        return None
    fastest = max(others, key=speed)
    precision = _precision(fastest)
    return (
        f"{fastest.label} is {times(speed(fastest))} on tuning, faster than all that gate.allow has; "
        f"gate: {{allow: [{', '.join((*gate.allow, precision))}]}} would have it judged"
    )


def _precision(trial: Trial) -> str:
    return parse_recipe(trial.recipe).precision
