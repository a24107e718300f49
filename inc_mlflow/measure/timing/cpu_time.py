"""Measure by CPU time: all models on one core, in turns.

A benchmark gives every model a process of its own and starts all processes anew several times. A search
compares two models within its own process, at a tenth of the cost.
"""

import math
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import numpy as np

from inc_mlflow.measure.timing.instance import CPU, Instance

T = TypeVar("T")
GENERATIONS = 5
"""Times that all processes start anew: how a process lies in memory and caches decides its speed for as long
as it lives."""
SECONDS = 4.5
"""Wall time that the rounds of all generations aim at, all models together."""
TURN_SECONDS = 0.02
"""Least time that one model runs before the next one."""
ROUNDS = (20, 400)
"""Fewest and most rounds of all generations: with fewer, the least times are not yet steady."""
TRIAL_SECONDS = 0.9
"""CPU time that both models of a trial in one process aim at."""
TRIAL_TURN_SECONDS = 0.005
"""The same as TURN_SECONDS, for a trial."""
TRIAL_ROUNDS = (8, 200)
"""Fewest and most rounds of a trial."""

WatchProcesses = Callable[[Sequence[int]], AbstractContextManager[object]]


@dataclass(frozen=True)
class Timing:
    """CPU times of one model.

    ``seconds`` has shape (generations, passes, batches); all models of one benchmark share all three.
    """

    seconds: np.ndarray
    peak_rss_bytes: int


@dataclass(frozen=True)
class _Schedule:
    """How often models run: passes over the batches in a turn, rounds of turns in a generation."""

    passes: int
    rounds: int


def interleave(
    commands: Mapping[str, Sequence[str]],
    progress: Callable[[Iterable[int], int], Iterable[int]],
    watch: WatchProcesses = nullcontext,
) -> dict[str, Timing]:
    """Run all models in turns and return their times by name.

    ``commands`` start one instance per model. ``progress`` wraps the loop over the generations. ``watch``
    gets the process ids of a generation, and is entered while that is measured. Raises ModelError where an
    instance ends or reports an error.
    """
    orders, schedule, generations = rotated(list(commands)), None, list[dict[str, Timing]]()
    for _ in progress(range(GENERATIONS), GENERATIONS):
        with ExitStack() as stack:
            instances = {name: stack.enter_context(Instance(command)) for name, command in commands.items()}
            schedule = _warmed_up(instances.values(), schedule)
            with watch([instance.pid for instance in instances.values()]):
                generations.append(_generation(instances, schedule, orders))
    return {name: _joined([one[name] for one in generations]) for name in commands}


def time_in_process(
    slow: Callable[[Any], Any], fast: Callable[[Any], Any], batches: Sequence[Any]
) -> tuple[Timing, Timing]:
    """Time two models on the same batches in turns, by CPU time of this whole process.

    Nothing else may work in this process meanwhile.
    """
    cost = _timed_pass(slow, batches).sum() + _timed_pass(fast, batches).sum()  # first touches, allocations
    cost = _timed_pass(slow, batches).sum() + _timed_pass(fast, batches).sum()
    passes = max(1, math.ceil(2 * TRIAL_TURN_SECONDS / max(cost, 1e-7)))
    fewest, most = TRIAL_ROUNDS
    rounds = max(fewest, min(most, math.ceil(TRIAL_SECONDS / max(cost * passes, 1e-7))))
    times: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for _ in range(rounds):
        for model, seconds in zip((slow, fast), times, strict=True):
            seconds += [_timed_pass(model, batches) for _ in range(passes)]
    return Timing(np.array([times[0]]), 0), Timing(np.array([times[1]]), 0)


def rotated(order: Sequence[T]) -> Iterator[list[T]]:
    """Yield the order of each round, without end.

    It rotates from round to round, so that no model always runs first.
    """
    while True:
        for first in range(len(order)):
            yield [*order[first:], *order[:first]]


def _generation(
    instances: Mapping[str, Instance], schedule: _Schedule, orders: Iterator[list[str]]
) -> dict[str, Timing]:
    seconds: dict[str, list[np.ndarray]] = {name: [] for name in instances}
    for order in islice(orders, schedule.rounds):
        for name in order:
            seconds[name].append(_times(instances[name], schedule.passes))
    return {
        name: Timing(np.concatenate(seconds[name])[None], one.peak_rss_bytes)
        for name, one in instances.items()
    }


def _joined(generations: Sequence[Timing]) -> Timing:
    return Timing(
        np.concatenate([one.seconds for one in generations]), max(one.peak_rss_bytes for one in generations)
    )


def _times(instance: Instance, passes: int) -> np.ndarray:
    """Return the CPU seconds of each call, shape (passes, batches)."""
    return instance.ask({"passes": passes})[:, CPU].reshape(passes, -1)


def _timed_pass(model: Callable[[Any], Any], batches: Sequence[Any]) -> np.ndarray:
    """Return the CPU seconds of this process for each batch, shape (batches,)."""
    seconds = []
    for batch in batches:
        start = time.process_time()
        model(batch)
        seconds.append(time.process_time() - start)
    return np.array(seconds)


def _warmed_up(instances: Collection[Instance], schedule: _Schedule | None) -> _Schedule:
    """Run each model, to touch and allocate all memory; the first generation sets the schedule of all."""
    if schedule is None:
        passes = _passes(_warm_up(instances, 1) / len(instances))
        return _Schedule(passes, _rounds(_warm_up(instances, passes)))
    for instance in instances:
        _times(instance, schedule.passes)
    return schedule


def _warm_up(instances: Collection[Instance], passes: int) -> float:
    """Run each model twice, and return the wall time of the second round."""
    for instance in instances:
        _times(instance, passes)
    start = time.monotonic()
    for instance in instances:
        _times(instance, passes)
    return time.monotonic() - start


def _passes(seconds_per_turn: float) -> int:
    """Passes over the batches in one turn: a small model finds caches cold, so its turn must be longer."""
    return max(1, math.ceil(TURN_SECONDS / max(seconds_per_turn, 1e-6)))


def _rounds(seconds_per_round: float) -> int:
    """Rounds of one generation."""
    fewest, most = ROUNDS
    return math.ceil(max(fewest, min(most, math.ceil(SECONDS / max(seconds_per_round, 1e-6)))) / GENERATIONS)
