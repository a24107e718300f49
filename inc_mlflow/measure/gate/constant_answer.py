"""Whether a metric can tell models apart: one that answers every row alike must not be within the limits."""

import numpy as np

from inc_mlflow.formatting import points
from inc_mlflow.measure.gate.criteria import CriterionResult
from inc_mlflow.measure.gate.measured import Measured
from inc_mlflow.measure.gate.power import allowed
from inc_mlflow.records import BASELINE
from inc_mlflow.spec import GateSpec

_ROUNDING = 1e-9
"""Of the differences of metrics."""


def cannot_tell(measured: Measured, gate: GateSpec) -> CriterionResult | None:
    """Return an inconclusive result where one answer for all rows meets every limit on drops.

    None where it does not, or where the metric takes no such answer.
    """
    record = measured.evaluation
    baseline, constant = record.results[BASELINE].value, record.constant_score
    if baseline is None or constant is None:
        return None
    lost = baseline - constant if record.higher_is_better else constant - baseline
    if not within_limits(lost, baseline, gate) or not _within_class_limit(measured, gate):
        return None
    return CriterionResult("inconclusive", untold(record.metric, baseline, constant, gate))


def within_limits(lost: float, baseline: float, gate: GateSpec) -> bool:
    """Tell whether a model that loses so much of the baseline's metric is within the limits on all rows."""
    relative, absolute = gate.max_relative_drop, gate.max_absolute_drop
    return (relative is None or lost <= relative * abs(baseline) + _ROUNDING) and (
        absolute is None or lost <= absolute + _ROUNDING
    )


def untold(metric: str, baseline: float, constant: float, gate: GateSpec) -> str:
    """Say that a metric cannot tell the baseline from one answer for all rows, and what to do."""
    return (
        f"{metric} cannot tell this model from one that gives the same answer for all rows: that has "
        f"{points(constant)}, the baseline {points(baseline)}, allowed is a loss of {allowed(gate)}; "
        "choose another metric, or rows that need different answers"
    )


def _within_class_limit(measured: Measured, gate: GateSpec) -> bool:
    """Tell whether the constant answer loses no more of any class than the gate allows."""
    limit, classes = gate.max_class_drop, measured.classes
    if limit is None or classes is None or measured.constant is None:
        return True
    losses = measured.outcomes[BASELINE] - measured.constant
    _, class_of_row = np.unique(classes, return_inverse=True)
    by_class = np.bincount(class_of_row, losses) / np.bincount(class_of_row)
    return bool(by_class.max() <= limit + _ROUNDING)
