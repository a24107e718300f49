"""Rounds of a benchmark in wall time: every model runs once per round, in turns.

A disturbed round is dropped for all models, and another one is added.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from inc_mlflow.measure.stats.seed import SEED
from inc_mlflow.measure.timing.disturbance import NEEDED, causes, worst_load
from inc_mlflow.measure.timing.instance import InstanceGroup, Turn
from inc_mlflow.measure.timing.speeds import rotated
from inc_mlflow.records import Load

MOST_ROUNDS = 60
"""Rounds after which the benchmark gives up: three times the clean ones it needs."""
TURN_SECONDS = 0.2
"""Least time that a model runs in a round."""
CALLS = 5
"""Fewest calls of the slowest model in a round. The last one does not count for latencies; it keeps the
instance busy while others finish theirs."""
ARRIVALS = 30
"""Fewest arrivals in a round."""
_APART = 0.5
"""Share of a turn in which not all instances ran. Above it other load is the cause; start and end of a turn
make less."""

Progress = Callable[[Iterable[int], int], Iterable[int]]
ReadLoad = Callable[[], Load]
"""Returns the load since it was last called."""


@dataclass(frozen=True)
class Round:
    """One turn of every model."""

    turns: Mapping[str, Turn]
    load: Load
    """Of each cause that of the turn which it disturbed most."""

    @property
    def clean(self) -> bool:
        """Tell whether the round counts."""
        return not causes(self.load)


def run_rounds(
    groups: Mapping[str, InstanceGroup],
    rate: float | None,
    watch: Callable[[], ReadLoad],
    enough: Callable[[Sequence[Round]], bool],
    progress: Progress,
) -> list[Round]:
    """Run rounds until the clean ones are ``enough``, or can no longer become enough. Return all of them.

    ``rate`` is in arrivals per second; None is as fast as possible. ``watch`` is called once the instances
    are warm. What it returns is read after each turn, so that a disturbed share of a turn does not shrink
    with the number of models. Raises ModelError where an instance ends or reports an error.
    """
    seconds = max(TURN_SECONDS, CALLS * max(group.warm_up() for group in groups.values()))
    read_load, rounds = watch(), list[Round]()
    for number, order in zip(progress(range(MOST_ROUNDS), MOST_ROUNDS), rotated(list(groups)), strict=False):
        read_load()
        watched = {name: _watched_turn(groups[name], rate, seconds, number, read_load) for name in order}
        turns = {name: turn for name, (turn, _) in watched.items()}
        rounds.append(Round(turns, worst_load([load for _, load in watched.values()])))
        clean = [one for one in rounds if one.clean]
        if len(clean) + MOST_ROUNDS - len(rounds) < NEEDED or (len(clean) >= NEEDED and enough(clean)):
            break
    return rounds


def _watched_turn(
    group: InstanceGroup, rate: float | None, seconds: float, number: int, read_load: ReadLoad
) -> tuple[Turn, Load]:
    if rate is None:
        turn = group.run(seconds)
    else:
        turn = group.serve(poisson(rate, seconds, len(group.instances), number))
    return turn, _with_waiting(read_load(), turn, group.threads, seconds)


def _with_waiting(load: Load, turn: Turn, threads: int, seconds: float) -> Load:
    """Add the waiting that the kernel's counters do not show.

    Where the kernel does not count waiting, it is wall time less CPU time of the calls, if one thread makes
    them. Where instances did not run together for half of the time, their requests came too late: the process
    that sends them waited for a CPU.
    """
    waited = load.waited
    if waited is None and threads == 1:
        waited = turn.waited()
    apart = 1 - turn.seconds / seconds if turn.arrivals is None else 0.0
    return load.model_copy(update={"waited": apart if apart > _APART else waited})


def poisson(rate: float, seconds: float, instances: int, number: int) -> list[np.ndarray]:
    """Return the arrivals of round ``number`` for each instance: seconds after its start, shape (arrivals,).

    They are a Poisson process of ``rate`` per second, each sent to an instance at random. All models get the
    same ones.
    """
    generator = np.random.default_rng([SEED, number])
    count = max(ARRIVALS, math.ceil(rate * seconds))
    times = np.cumsum(generator.exponential(1 / rate, count))
    places = generator.integers(instances, size=count)
    return [times[places == place] for place in range(instances)]
