"""Rounds in wall time: every model once per round, in turns.

Disturbed rounds are dropped for all and others added.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from inc_mlflow.measure.stats.seed import SEED
from inc_mlflow.measure.timing.common_window import Turn
from inc_mlflow.measure.timing.cpu_time import in_turns
from inc_mlflow.measure.timing.disturbance import NEEDED, causes, worst
from inc_mlflow.measure.timing.group import Group
from inc_mlflow.records import Load

MOST = 60
"""Rounds after which the benchmark gives up: three times the clean ones it needs."""
WINDOW = 0.2
"""Seconds that a model runs in a round, at least."""
CALLS = 5
"""Calls of the slowest model in a round, at least; the last is not for latencies but keeps the others
company."""
ARRIVALS = 30
"""Arrivals in a round, at least."""
_APART = 0.5
"""Share of a turn in which not all instances ran, above which it is the fault of other load and not of its
edges."""

Progress = Callable[[Iterable[int], int], Iterable[int]]
Watch = Callable[[], Load]


@dataclass(frozen=True)
class Round:
    """One turn of every model, and of each cause the load of the turn that it disturbed most."""

    turns: Mapping[str, Turn]
    load: Load

    @property
    def clean(self) -> bool:
        """Tell whether the round counts."""
        return not causes(self.load)


def run_rounds(
    groups: Mapping[str, Group],
    rate: float | None,
    watch: Callable[[], Watch],
    enough: Callable[[Sequence[Round]], bool],
    progress: Progress,
) -> list[Round]:
    """Run rounds until ``enough`` says so of the clean ones, or there can be no more. All are returned.

    ``watch`` starts to count what disturbs the instances once they are warm; it is asked after each turn, so
    that a share of a turn does not shrink with the number of models. ``rate`` is in arrivals per second, None
    is as fast as possible.
    """
    seconds = max(WINDOW, CALLS * max(group.warm_up() for group in groups.values()))
    load, rounds = watch(), list[Round]()
    for number, order in zip(progress(range(MOST), MOST), in_turns(list(groups)), strict=False):
        load()
        watched = {name: _watched(groups[name], rate, seconds, number, load) for name in order}
        turns = {name: turn for name, (turn, _) in watched.items()}
        rounds.append(Round(turns, worst([seen for _, seen in watched.values()])))
        clean = [one for one in rounds if one.clean]
        if len(clean) + MOST - len(rounds) < NEEDED or (len(clean) >= NEEDED and enough(clean)):
            break
    return rounds


def _watched(group: Group, rate: float | None, seconds: float, number: int, load: Watch) -> tuple[Turn, Load]:
    turn = _turn(group, rate, seconds, number)
    return turn, _seen(load(), turn, group.threads, seconds)


def _turn(group: Group, rate: float | None, seconds: float, number: int) -> Turn:
    return (
        group.run(seconds)
        if rate is None
        else group.serve(poisson(rate, seconds, len(group.instances), number))
    )


def _seen(load: Load, turn: Turn, threads: int, seconds: float) -> Load:
    """Add what the kernel's counters do not show.

    Where it does not count waiting: wall time less CPU time of the calls, if one thread makes them. And
    instances that were asked too late to run together for half of the time: whoever asks them waited.
    """
    waited = load.waited
    if waited is None and threads == 1:
        waited = turn.waited()
    apart = 1 - turn.seconds / seconds if turn.arrivals is None else 0.0
    return load.model_copy(update={"waited": apart if apart > _APART else waited})


def poisson(rate: float, seconds: float, instances: int, number: int) -> list[np.ndarray]:
    """Return the arrivals of one round for each instance, in seconds after its start.

    A Poisson process of ``rate`` per second, each arrival sent to any instance at random; the same for all
    models.
    """
    generator = np.random.default_rng([SEED, number])
    count = max(ARRIVALS, math.ceil(rate * seconds))
    times = np.cumsum(generator.exponential(1 / rate, count))
    places = generator.integers(instances, size=count)
    return [times[places == place] for place in range(instances)]
