"""What a search keeps: the trials that no other one beats in accuracy and speed at once."""

from collections.abc import Sequence
from typing import Any

from inc_mlflow.records import Trial

NOISE = 0.02
"""Relative difference in speed between two measurements of one model; twice the standard deviation."""
SHORTLIST = 3
"""Candidates that a search hands to the gate at most."""


def accepted(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that nothing speaks against; one whose protected form is accepted too gives way to that."""
    found = [trial for trial in trials if trial.rejected is None]
    protected = [_unprotected(trial) for trial in found if _is_protected(trial)]
    return [trial for trial in found if _is_protected(trial) or trial.recipe not in protected]


def front(trials: Sequence[Trial]) -> list[Trial]:
    """Return the accepted trials, fastest first, that no other one beats: more exact, and as fast but for noise."""
    found = sorted(accepted(trials), key=lambda one: (-_speed(one), *_loss(one)))
    return [trial for trial in found if not any(_beats(other, trial) for other in found)]


def _beats(other: Trial, trial: Trial) -> bool:
    if _loss(other) == _loss(trial):
        return _speed(other) > _speed(trial)
    return _loss(other) < _loss(trial) and _speed(other) >= _speed(trial) * (1 - NOISE)


def shortlist(trials: Sequence[Trial]) -> list[Trial]:
    """Return at most three trials for the gate, the most promising first; empty only where no trial gave a model.

    The fastest, the most accurate, and between them the fastest whose drop is within the limit even at its upper
    bound. Where no trial is accepted, the least bad one: the gate then says in numbers why FP32 stays.
    """
    best = front(trials)
    if not best:
        return _least_bad(trials)
    sure = [trial for trial in best[1:-1] if trial.surely_within]
    middle = sure[:1] or best[1:-1][:1]
    chosen = [best[0], *middle, best[-1]]
    return [trial for index, trial in enumerate(chosen) if trial not in chosen[:index]]


def beaten_by(speedup: float, output_error: float, trials: Sequence[Trial], margin: float) -> Trial | None:
    """Return an accepted trial that is faster by more than ``margin`` and also nearer to the baseline's outputs."""
    for trial in accepted(trials):
        nearer = trial.output_error is not None and trial.output_error <= output_error
        if nearer and _speed(trial) > speedup * (1 + margin):
            return trial
    return None


def _least_bad(trials: Sequence[Trial]) -> list[Trial]:
    made = [trial for trial in trials if trial.sha256 is not None]
    return sorted(made, key=lambda one: (_speed(one) < 1, *_loss(one), -_speed(one)))[:1]


def _speed(trial: Trial) -> float:
    return trial.speedup.value if trial.speedup else 0.0


def _loss(trial: Trial) -> tuple[float, float]:
    """Order by the drop of the metric; what the metric does not tell apart by the distance of the outputs."""
    drop = trial.relative_drop.value if trial.relative_drop else float("inf")
    return drop, trial.output_error if trial.output_error is not None else float("inf")


def _is_protected(trial: Trial) -> bool:
    return bool(trial.recipe["reduce_range"])


def _unprotected(trial: Trial) -> dict[str, Any]:
    return trial.recipe | {"reduce_range": False}
