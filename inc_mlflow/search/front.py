"""What a search keeps: the trials that no other one beats in accuracy and speed at once."""

import math
from collections.abc import Sequence

from inc_mlflow.records import Trial

NOISE = 0.02
"""Relative difference in speed between two measurements of one model; twice the standard deviation."""
NEARLY = 0.95
"""Share of the speed of the fastest candidate that makes another one a second choice."""
SHORTLIST = 3
"""Candidates that a search hands to the gate at most."""


def accepted(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that nothing speaks against.

    One whose protected form is accepted too gives way to that.
    """
    found = [trial for trial in trials if trial.rejected is None]
    protected = [trial.protects for trial in found if trial.protects is not None]
    return [trial for trial in found if trial.protects is not None or trial.recipe not in protected]


def front(trials: Sequence[Trial]) -> list[Trial]:
    """Return the accepted trials that no other one beats, fastest first.

    One beats another if it is more exact, or as exact and tried earlier, which is simpler; and as fast but
    for noise.
    """
    levels: dict[tuple[float, float], list[Trial]] = {}
    for trial in accepted(trials):
        levels.setdefault(_loss(trial), []).append(trial)
    chosen: list[Trial] = []
    for _, level in sorted(levels.items()):
        fastest = max(map(_speed, level))
        best = next(trial for trial in level if _speed(trial) >= fastest * (1 - NOISE))
        if not chosen or _speed(best) > _speed(chosen[-1]) * (1 + NOISE):
            chosen.append(best)
    return chosen[::-1]


def shortlist(trials: Sequence[Trial]) -> list[Trial]:
    """Return at most three trials for the gate, the most promising first.

    Empty only where no trial gave a model.

    The fastest, the most exact, and between them the fastest whose drop is within the limit even at its upper
    bound. Places that are left go to the most exact of those that are nearly as fast: on few tuning rows the
    best one is luck. Where no trial is accepted, the least bad one: the gate then says in numbers why FP32
    stays.
    """
    best = front(trials)
    if not best:
        return _least_bad(trials)
    sure = [trial for trial in best[1:-1] if surely_within(trial)]
    ends = best[1:-1] and (sure or best[1:-1])[:1]
    chosen = [best[0], *ends, *best[1:][-1:]]
    near = [one for one in accepted(trials) if one not in chosen and _speed(one) >= NEARLY * _speed(best[0])]
    return [*chosen, *sorted(near, key=_loss)][:SHORTLIST]


def beaten_by(speedup: float, output_error: float, trials: Sequence[Trial], margin: float) -> Trial | None:
    """Return an accepted trial that is faster by more than ``margin`` and also nearer to the baseline's outputs."""
    for trial in accepted(trials):
        nearer = trial.output_error is not None and trial.output_error < output_error
        if nearer and _speed(trial) > speedup * (1 + margin):
            return trial
    return None


def _least_bad(trials: Sequence[Trial]) -> list[Trial]:
    made = [trial for trial in trials if trial.sha256 is not None]
    return sorted(made, key=lambda one: (_speed(one) < 1, *_loss(one), -_speed(one)))[:1]


def _speed(trial: Trial) -> float:
    return trial.speedup.value if trial.speedup else 0.0


def surely_within(trial: Trial) -> bool:
    """Tell whether the drop is within the limit even at its upper bound."""
    return trial.relative_drop is not None and trial.relative_drop.high <= trial.max_relative_drop


def _loss(trial: Trial) -> tuple[float, float]:
    """Order by the drop that the rows prove, in halves of the allowed one, then by the distance of the outputs.

    A row or two more or less are luck; the distance has a value for every row and is steady.
    """
    if trial.relative_drop is None or trial.output_error is None:
        return math.inf, math.inf
    proven = max(0.0, trial.relative_drop.low) / max(trial.max_relative_drop / 2, 1e-3)
    return math.floor(proven), round(math.log(max(trial.output_error, 1e-9), 1.1))
