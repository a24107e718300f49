"""Interleaved benchmark by CPU time: every model runs in a process of its own, all on one core, in turns."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from inc_mlflow.measure.instance import CPU, Instance

T = TypeVar("T")
SECONDS = 6.0
"""Wall time that the rounds aim at, all models together."""
TURN = 0.02
"""Seconds that one model runs before it is the next one's turn, at least."""
ROUNDS = (20, 400)
"""Fewest and most rounds: below the fewest, the least times are not yet steady."""


@dataclass(frozen=True)
class Timing:
    """``seconds`` has shape (passes, batches); all models of one benchmark share rounds and batches."""

    seconds: np.ndarray
    peak_rss_bytes: int


def interleave(
    commands: Mapping[str, Sequence[str]], progress: Callable[[Iterable[int], int], Iterable[int]]
) -> dict[str, Timing]:
    """Run all models in turns and return their times. ``progress`` wraps the rounds."""
    with ExitStack() as stack:
        instances = {name: stack.enter_context(Instance(command)) for name, command in commands.items()}
        order = list(instances.values())
        passes = _passes(_warm_up(order, 1) / len(order))
        rounds = _rounds(_warm_up(order, passes))
        seconds: dict[Instance, list[np.ndarray]] = {instance: [] for instance in order}
        for _, turns in zip(progress(range(rounds), rounds), in_turns(order), strict=False):
            for instance in turns:
                seconds[instance].append(_times(instance, passes))
        return {name: Timing(np.concatenate(seconds[one]), one.peak_rss_bytes) for name, one in instances.items()}


def in_turns(order: Sequence[T]) -> Iterator[list[T]]:
    """Yield the order of each round, without end; it turns round by round, so that none always follows the same neighbour."""
    while True:
        for first in range(len(order)):
            yield [*order[first:], *order[:first]]


def _times(instance: Instance, passes: int) -> np.ndarray:
    return instance.ask({"passes": passes})[:, CPU].reshape(passes, -1)


def _warm_up(instances: Sequence[Instance], passes: int) -> float:
    """Run each model twice, first touches and allocations included, and return the wall time of the second round."""
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
    fewest, most = ROUNDS
    return max(fewest, min(most, math.ceil(SECONDS / max(seconds_per_round, 1e-6))))
