"""The speed of two models in one process, in turns: what a search needs to choose, at a tenth of a benchmark's cost."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from inc_mlflow.measure.timing.cpu_time import Timing

SECONDS = 0.9
"""CPU time that both models together aim at."""
ROUNDS = (8, 200)
"""Fewest and most rounds."""
TURN = 0.005
"""Seconds that one model runs before it is the other one's turn, at least."""


def take_turns(
    slow: Callable[[Any], Any], fast: Callable[[Any], Any], batches: Sequence[Any]
) -> tuple[Timing, Timing]:
    """Time both models on the same batches by CPU time of this whole process, in which nothing else may work meanwhile."""
    cost = _pass(slow, batches).sum() + _pass(fast, batches).sum()  # first touches and allocations
    cost = _pass(slow, batches).sum() + _pass(fast, batches).sum()
    passes = max(1, math.ceil(2 * TURN / max(cost, 1e-7)))
    fewest, most = ROUNDS
    rounds = max(fewest, min(most, math.ceil(SECONDS / max(cost * passes, 1e-7))))
    times: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    for _ in range(rounds):
        for model, seconds in zip((slow, fast), times, strict=True):
            seconds += [_pass(model, batches) for _ in range(passes)]
    return Timing(np.array([times[0]]), 0), Timing(np.array([times[1]]), 0)


def _pass(model: Callable[[Any], Any], batches: Sequence[Any]) -> np.ndarray:
    seconds = []
    for batch in batches:
        start = time.process_time()
        model(batch)
        seconds.append(time.process_time() - start)
    return np.array(seconds)
