"""Interleaved benchmark: every model runs in a process of its own, all on one core, in turns."""

import json
import math
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from inc_mlflow.errors import ModelError

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


class Instance:
    """The parent's side of one instance process; ``command`` starts it."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.seconds: list[list[float]] = []
        self.peak_rss_bytes = 0

    def run(self, passes: int) -> float:
        """Run ``passes`` over all batches, keep their times, and return the wall time it took."""
        start = time.monotonic()
        answer = self._ask(passes)
        self.seconds += answer["seconds"]
        self.peak_rss_bytes = answer["peak_rss_bytes"]
        return time.monotonic() - start

    def forget(self) -> None:
        """Drop the times so far: they were warm-up."""
        self.seconds.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def _ask(self, passes: int) -> dict[str, Any]:
        if self._process.stdin is None or self._process.stdout is None:
            raise TypeError("an instance needs both pipes")
        try:
            self._process.stdin.write(f"{passes}\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise ModelError(f"benchmark: an instance ended with code {self._process.wait()}; out of memory?")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise ModelError(answer["error"])
        return answer


def interleave(
    commands: Mapping[str, Sequence[str]], progress: Callable[[Iterable[int], int], Iterable[int]]
) -> dict[str, Timing]:
    """Run all models in turns and return their times.

    The order turns round by round, so that none always follows the same neighbour. ``progress`` wraps the rounds.
    """
    with ExitStack() as stack:
        instances = {name: stack.enter_context(Instance(command)) for name, command in commands.items()}
        order = list(instances.values())
        passes = _passes(_warm_up(order, 1) / len(order))
        rounds = _rounds(_warm_up(order, passes))
        for _ in progress(range(rounds), rounds):
            for instance in order:
                instance.run(passes)
            order.append(order.pop(0))
        return {name: Timing(np.array(one.seconds), one.peak_rss_bytes) for name, one in instances.items()}


def _warm_up(instances: Sequence[Instance], passes: int) -> float:
    """Run each model twice, first touches and allocations included, and return the wall time of the second round."""
    for instance in instances:
        instance.run(passes)
    seconds = sum(instance.run(passes) for instance in instances)
    for instance in instances:
        instance.forget()
    return seconds


def _passes(seconds_per_turn: float) -> int:
    """Passes over the batches in one turn: a turn of a small model must outlast the caches it found cold."""
    return max(1, math.ceil(TURN / max(seconds_per_turn, 1e-6)))


def _rounds(seconds_per_round: float) -> int:
    fewest, most = ROUNDS
    return max(fewest, min(most, math.ceil(SECONDS / max(seconds_per_round, 1e-6))))
