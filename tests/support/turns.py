"""Turns of models in rounds of a benchmark, made up."""

import numpy as np

from inc_mlflow.measure.timing.instance import Turn, common_window
from inc_mlflow.records import Load

QUIET = Load(waited=0.01, stolen=0.0, other=0.02, throttled=0, migrated=0, slowed=1.0)
"""A round that nothing disturbs."""


def turn(seconds, calls=10, cpu=1.0):
    ends = np.arange(1, calls + 1) * seconds
    rows = np.stack([ends - seconds, ends - seconds, ends, np.full(calls, seconds * cpu)], axis=1)
    return Turn((rows,), common_window([rows]))
