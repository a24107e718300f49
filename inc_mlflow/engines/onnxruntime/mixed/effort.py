"""How much a plan measures, so that it takes about the seconds that it may."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner

_PROFILES, _PROBES = 0.12, 0.2
"""Shares of the time: of the profiles of one round, and of all probes."""
_MODELS = 4
"""Models in a round, each taken to be as slow as the baseline."""
_SLOWER = 1.2
"""A session for probes is slower than the baseline by about this factor."""
_PASSES, _LEAST_PASSES, _WARM_UP = 12, 3, 2
_BATCHES = 3
_ROWS, _LEAST_ROWS = 8, 2
_LEAST_TIMES = 2
MOST_PROBES = 100


@dataclass(frozen=True)
class Effort:
    """Sizes of the measurements of one plan."""

    batches: int
    """Batches of a profile."""
    passes: int
    """Passes over these that count."""
    rows: int
    """Batches of calibration rows of a probe."""
    probes: int

    @classmethod
    def of(cls, seconds: float, per_batch: float) -> Self:
        """Return what fits into ``seconds`` of a model that takes ``per_batch`` seconds for a batch.

        It is never less than what a plan needs, however slow the model is.
        """
        runs = _PROFILES * seconds / (_MODELS * per_batch)
        batches = min(_BATCHES, max(1, int(runs / (_LEAST_PASSES + _WARM_UP))))
        passes = min(_PASSES, max(_LEAST_PASSES, int(runs / batches) - _WARM_UP))
        probed = _PROBES * seconds / (_SLOWER * per_batch)
        rows = min(_ROWS, max(_LEAST_ROWS, int(probed / MOST_PROBES)))
        return cls(batches, passes, rows, min(MOST_PROBES, max(1, int(probed / rows) - 1)))


def seconds_per_batch(baseline: Path, batch: Arrays) -> float:
    """Return the CPU seconds of a model for a batch; raise ModelError where it does not run."""
    model, least = Runner(baseline, threads=1), float("inf")
    for _ in range(_LEAST_TIMES):
        start = time.process_time()
        model(batch)
        least = min(least, time.process_time() - start)
    return max(least, 1e-6)
