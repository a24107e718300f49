"""What statistics need of a metric, and of rows beside their scores: class, group, weight."""

from collections.abc import Mapping

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import LoadedModel
from inc_mlflow.errors import ModelError
from inc_mlflow.measure.gate.measurements import CLASSES, GROUPS
from inc_mlflow.measure.stats.outcomes import Scoring, hangs_on, influences
from inc_mlflow.metrics.metric import Metric
from inc_mlflow.metrics.resolve import LABELS
from inc_mlflow.records import BASELINE


def scoring(metric: Metric) -> Scoring:
    """Return what of a metric outcomes are made by."""
    return Scoring(metric.keep, metric.score, metric.decomposable, metric.group, metric.missing)


def classes_of(metric: Metric, labels: list[np.ndarray | None]) -> dict[str, np.ndarray]:
    """Return the class of each row under ``CLASSES``, where labels are classes: a gate may ask for the worst one."""
    given = [label for label in labels if label is not None and label.ndim == 1 and label.dtype.kind in "biu"]
    if not metric.decomposable or not given or len(given) < len(labels):
        return {}
    return {CLASSES: np.concatenate(given)}


def groups_of(groups: np.ndarray | None) -> dict[str, np.ndarray]:
    """Return the group of each row under ``GROUPS``, where rows have such."""
    return {} if groups is None else {GROUPS: groups}


def weight_of(metric: Metric, kept: Arrays, groups: np.ndarray | None) -> float | None:
    """Return how many equal rows, or groups, a metric of all of them hangs on; None where it decomposes.

    A callable does not say what its rows weigh, so some are spoilt one at a time; NaN of its own doing says
    nothing.
    """
    if metric.decomposable:
        return None
    if metric.row_weights is not None:
        return hangs_on(metric.row_weights(metric.group(kept)), groups)
    weights = np.nan_to_num(influences(kept, metric.score, LABELS))
    drawn = len(next(iter(kept.values()))) if groups is None else len(np.unique(groups))
    return max(1.0, hangs_on(weights) * drawn / len(weights))


def check_outputs(runners: Mapping[str, LoadedModel]) -> None:
    """Refuse a model that does not give what the baseline gives: no metric could compare them."""
    expected = runners[BASELINE].outputs
    for runner in runners.values():
        if missing := set(expected) - set(runner.outputs):
            raise ModelError(
                f"{runner.model}: lacks the outputs {', '.join(sorted(missing))}; it has {', '.join(runner.outputs)}"
            )
