"""Time two models in this process, for a trial of a search: at a tenth of the cost of a benchmark."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from inc_mlflow.measure.timing.cpu_time import Timing

TRIAL_SECONDS = 0.9
"""CPU time that both models of a trial in one process aim at."""
TRIAL_TURN_SECONDS = 0.005
"""The same as TURN_SECONDS, for a trial."""
TRIAL_ROUNDS = (8, 200)
"""Fewest and most rounds of a trial."""


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


def _timed_pass(model: Callable[[Any], Any], batches: Sequence[Any]) -> np.ndarray:
    """Return the CPU seconds of this process for each batch, shape (batches,)."""
    seconds = []
    for batch in batches:
        start = time.process_time()
        model(batch)
        seconds.append(time.process_time() - start)
    return np.array(seconds)
