"""How far an engine's baseline is behind the fastest one: by so much more its candidates have to gain."""

from collections.abc import Sequence
from itertools import islice

from inc_mlflow.engines.engine import RunSettings
from inc_mlflow.formatting import times
from inc_mlflow.measure.timing.cpu_time import cpu_time_pass, cpu_time_speedup
from inc_mlflow.measure.timing.in_process import time_in_process
from inc_mlflow.spec import Job
from inc_mlflow.steps.baselines import Baseline
from inc_mlflow.steps.compress.tuning import TIMED
from inc_mlflow.steps.data import open_data

_TOLD = 1.1
"""A smaller lag is within the noise of a quick timing, and not worth a line."""

_LEAST_CALL = 0.001
"""Seconds: a shorter call is mostly the engine's interface, which costs otherwise in a process of its own.

One of OpenVINO on examples/digits took 144 us here, and 82 us in a benchmark."""


def lag_of(job: Job, baseline: Baseline, others: Sequence[Baseline]) -> float:
    """Return how many times faster the fastest of the other baselines is at least, by a quick timing.

    It is the lower bound, and 1 where none is shown to be faster or calls are short: a doubt costs an engine
    no trial.
    """
    batches = [inputs for inputs, *_ in islice(open_data(job).rows("tuning", job.layout.batch), TIMED)]
    if not others or len(batches) < 2:
        return 1.0
    own = baseline.engine.load(baseline.path, RunSettings())
    timings = [
        time_in_process(own, other.engine.load(other.path, RunSettings()), batches) for other in others
    ]
    long = [pair for pair in timings if cpu_time_pass(pair[0]) >= _LEAST_CALL * len(batches)]
    ratios = [cpu_time_speedup(*pair, job.spec.gate.confidence).low for pair in long]
    return max([1.0, *ratios])


def lag_note(lag: float) -> str | None:
    """Say what a search took into account; None where that is nothing."""
    if lag < _TOLD:
        return None
    return (
        f"another engine's FP32 is {times(lag)} as fast by a quick timing: its recipes were tried where they "
        "make up for that"
    )
