"""Interleaved benchmark by CPU time: every model in a process of its own, all on one core, in turns.

Several times anew.
"""

import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np

from inc_mlflow.measure.timing.instance import CPU, Instance

T = TypeVar("T")
GENERATIONS = 5
"""Times that all processes start anew: how they lie in memory and caches decides their speed for as long as
they live."""
SECONDS = 4.5
"""Wall time that the rounds of all generations aim at, all models together."""
TURN = 0.02
"""Seconds that one model runs before it is the next one's turn, at least."""
ROUNDS = (20, 400)
"""Fewest and most rounds of all generations: below the fewest, the least times are not yet steady."""

Watch = Callable[[Sequence[int]], AbstractContextManager[object]]


@dataclass(frozen=True)
class Timing:
    """``seconds`` has shape (generations, passes, batches); all models of one benchmark share all three."""

    seconds: np.ndarray
    peak_rss_bytes: int


@dataclass(frozen=True)
class _Pace:
    """How often models run: passes over the batches in a turn, rounds of turns in a generation."""

    passes: int
    rounds: int


def interleave(
    commands: Mapping[str, Sequence[str]],
    progress: Callable[[Iterable[int], int], Iterable[int]],
    watch: Watch = nullcontext,
) -> dict[str, Timing]:
    """Run all models in turns and return their times. ``progress`` wraps the generations.

    ``watch`` gets the process ids of a generation, and is entered while that is measured.
    """
    turns, pace, generations = in_turns(list(commands)), None, list[dict[str, Timing]]()
    for _ in progress(range(GENERATIONS), GENERATIONS):
        with ExitStack() as stack:
            instances = {name: stack.enter_context(Instance(command)) for name, command in commands.items()}
            pace = _warmed(instances.values(), pace)
            with watch([instance.pid for instance in instances.values()]):
                generations.append(_generation(instances, pace, turns))
    return {name: _joined([one[name] for one in generations]) for name in commands}


def in_turns(order: Sequence[T]) -> Iterator[list[T]]:
    """Yield the order of each round, without end.

    It turns round by round, so that none always follows the same neighbour.
    """
    while True:
        for first in range(len(order)):
            yield [*order[first:], *order[:first]]


def _generation(
    instances: Mapping[str, Instance], pace: _Pace, turns: Iterator[list[str]]
) -> dict[str, Timing]:
    seconds: dict[str, list[np.ndarray]] = {name: [] for name in instances}
    for order in islice(turns, pace.rounds):
        for name in order:
            seconds[name].append(_times(instances[name], pace.passes))
    return {
        name: Timing(np.concatenate(seconds[name])[None], one.peak_rss_bytes)
        for name, one in instances.items()
    }


def _joined(generations: Sequence[Timing]) -> Timing:
    return Timing(
        np.concatenate([one.seconds for one in generations]), max(one.peak_rss_bytes for one in generations)
    )


def _times(instance: Instance, passes: int) -> np.ndarray:
    return instance.ask({"passes": passes})[:, CPU].reshape(passes, -1)


def _warmed(instances: Collection[Instance], pace: _Pace | None) -> _Pace:
    """Run each model, first touches and allocations included; the first generation finds the pace of all."""
    if pace is None:
        passes = _passes(_warm_up(instances, 1) / len(instances))
        return _Pace(passes, _rounds(_warm_up(instances, passes)))
    for instance in instances:
        _times(instance, pace.passes)
    return pace


def _warm_up(instances: Collection[Instance], passes: int) -> float:
    """Run each model twice, and return the wall time of the second round."""
    for instance in instances:
        _times(instance, passes)
    start = time.monotonic()
    for instance in instances:
        _times(instance, passes)
    return time.monotonic() - start


def _passes(seconds_per_turn: float) -> int:
    """Passes over the batches in one turn: a turn of a small model must outlast the caches it found cold."""
    return max(1, math.ceil(TURN / max(seconds_per_turn, 1e-6)))


def _rounds(seconds_per_round: float) -> int:
    """Rounds of one generation."""
    fewest, most = ROUNDS
    return math.ceil(max(fewest, min(most, math.ceil(SECONDS / max(seconds_per_round, 1e-6)))) / GENERATIONS)
