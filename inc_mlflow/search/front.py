"""The Pareto front of a search: trials that no other one beats in both accuracy and speed."""

import math
from collections.abc import Sequence

from inc_mlflow.records import Trial

NOISE = 0.02
"""Relative difference in speed between two measurements of one model; twice the standard deviation."""
NEARLY = 0.95
"""A candidate at this share of the fastest one's speed is a second choice."""
SHORTLIST = 3
"""Largest number of candidates that a search gives to the gate."""


def accepted(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that were not rejected; a trial is replaced by its accepted protected form."""
    passing = [trial for trial in trials if trial.rejected is None]
    protected = [trial.protects for trial in passing if trial.protects is not None]
    return [trial for trial in passing if trial.protects is not None or trial.recipe not in protected]


def front(trials: Sequence[Trial]) -> list[Trial]:
    """Return the accepted trials that no other one beats, fastest first.

    A trial beats another if it is as fast but for noise, and more exact, or as exact and tried earlier, since
    earlier recipes are simpler.
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
    """Return at most three trials for the gate, the most promising first; empty only without any model.

    They are the fastest, the most exact, and between them the fastest whose drop is within the limit even at
    its upper bound. Places that are left go to the most exact of those that are nearly as fast, since the
    best one on few tuning rows is partly luck. Where no trial is accepted, the least bad one is returned: the
    gate then shows in numbers why FP32 stays.
    """
    best = front(trials)
    if not best:
        return _least_bad(trials)
    sure = [trial for trial in best[1:-1] if surely_within(trial)]
    ends = best[1:-1] and (sure or best[1:-1])[:1]
    chosen = [best[0], *ends, *best[1:][-1:]]
    others = [trial for trial in accepted(trials) if trial not in chosen]
    near = [trial for trial in others if _speed(trial) >= NEARLY * _speed(best[0])]
    return [*chosen, *sorted(near, key=_loss)][:SHORTLIST]


def beaten_by(speedup: float, output_error: float, trials: Sequence[Trial], margin: float) -> Trial | None:
    """Return an accepted trial that is faster by more than ``margin`` and has less output error."""
    for trial in accepted(trials):
        nearer = trial.output_error is not None and trial.output_error < output_error
        if nearer and _speed(trial) > speedup * (1 + margin):
            return trial
    return None


def _least_bad(trials: Sequence[Trial]) -> list[Trial]:
    made = [trial for trial in trials if trial.sha256 is not None]
    return sorted(made, key=lambda trial: (_speed(trial) < 1, *_loss(trial), -_speed(trial)))[:1]


def _speed(trial: Trial) -> float:
    return trial.speedup.value if trial.speedup else 0.0


def surely_within(trial: Trial) -> bool:
    """Tell whether the drop is within the limit even at its upper bound, by every metric that is judged."""
    return bool(trial.losses) and all(drop.high <= limit for drop, limit in trial.losses)


def _loss(trial: Trial) -> tuple[float, float]:
    """Return a sort key: the proven drop in halves of the allowed one, then the distance of the outputs.

    Of several metrics the one counts whose limit is nearest.
    One or two rows more or less are luck; the distance takes every row into account and is steadier.
    """
    if not trial.losses or trial.output_error is None:
        return math.inf, math.inf
    proven = max(max(0.0, drop.low) / max(limit / 2, 1e-3) for drop, limit in trial.losses)
    return math.floor(proven), round(math.log(max(trial.output_error, 1e-9), 1.1))
