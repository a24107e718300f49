"""Measurements by several metrics in one pass, made up: counts of rows lost and gained by each."""

from dataclasses import replace

import numpy as np

from inc_mlflow.measure.gate.measured import Measured
from inc_mlflow.records import BASELINE, Evaluated
from inc_mlflow.records.measurements import CONSTANT, FurtherMetric, FurtherResults
from tests.support.gate_measurements import ROWS, measured, scores

SECOND = "exact_match"


def further(relative=None, absolute=None, informative=False):
    return FurtherMetric(
        higher_is_better=True,
        decomposable=True,
        score_range=(0.0, 1.0),
        max_relative_drop=relative,
        max_absolute_drop=absolute,
        informative=informative,
    )


def by_two(first, second, speed, pool="local", constant=None, **limits):
    """What one pool found: label -> (lost, gained) by ``top1`` and by ``exact_match``, and the speed-ups.

    Of a label that ``second`` has None for, the second metric is no number. ``limits`` are the second's own.
    """
    one = measured(first, speed, pool)
    outcomes = {BASELINE: scores()} | {name: scores(*(counts or (0, 0))) for name, counts in second.items()}
    results = {
        name: Evaluated(value=None, reason="the metric gave NaN or infinity", size_bytes=100)
        if second.get(name, ()) is None
        else Evaluated(value=float(array.mean()), size_bytes=100)
        for name, array in outcomes.items()
    }
    found = FurtherResults(results=results, constant_score=constant, hangs_on=None)
    record = one.evaluation.model_copy(
        update={"further": {SECOND: further(**limits)}, "further_results": {SECOND: found}}
    )
    arrays = outcomes if constant is None else outcomes | {CONSTANT: np.full(ROWS, constant)}
    own = Measured.by_further(record, SECOND, arrays, None)
    return replace(one, evaluation=record, further=(own,))
