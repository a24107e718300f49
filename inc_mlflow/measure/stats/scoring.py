"""What statistics need of a metric, and of rows besides their scores: class, group, weight."""

from collections.abc import Iterable, Mapping

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import LoadedModel
from inc_mlflow.errors import ModelError
from inc_mlflow.measure.stats.outcomes import Scoring, effective_rows, row_influences
from inc_mlflow.metrics.metric import Metric
from inc_mlflow.metrics.resolve import LABELS
from inc_mlflow.records import BASELINE
from inc_mlflow.records.measurements import CLASSES, GROUPS


def scoring_of(metric: Metric) -> Scoring:
    """Return the part of a metric that outcomes are made by."""
    return Scoring(metric.keep, metric.score, metric.decomposable, metric.group, metric.missing)


def scorings_of(metrics: Iterable[Metric]) -> dict[str, Scoring]:
    """Return the same of several metrics, by name."""
    return {metric.name: scoring_of(metric) for metric in metrics}


def classes_of(metric: Metric, labels: list[np.ndarray | None]) -> dict[str, np.ndarray]:
    """Return the class of each row, shape (rows,), under ``CLASSES``; nothing where labels are no classes.

    A gate may limit the loss of the worst class.
    """
    given = [label for label in labels if label is not None and label.ndim == 1 and label.dtype.kind in "biu"]
    if not metric.decomposable or not given or len(given) < len(labels):
        return {}
    return {CLASSES: np.concatenate(given)}


def groups_of(groups: np.ndarray | None) -> dict[str, np.ndarray]:
    """Return the group of each row, shape (rows,), under ``GROUPS``; nothing where rows have none."""
    return {} if groups is None else {GROUPS: groups}


def effective_rows_of(metric: Metric, kept: Arrays, groups: np.ndarray | None) -> float | None:
    """Return how many equal rows, or groups, would be as uncertain; None where the metric decomposes.

    A callable does not say what its rows weigh, so some get a wrong answer, one at a time. Where that makes
    the metric NaN, the row counts as without weight.
    """
    if metric.decomposable:
        return None
    if metric.row_weights is not None:
        return effective_rows(metric.row_weights(metric.group(kept)), groups)
    weights = np.nan_to_num(row_influences(kept, metric.score, LABELS))
    drawn = len(next(iter(kept.values()))) if groups is None else len(np.unique(groups))
    return max(1.0, effective_rows(weights) * drawn / len(weights))


def check_outputs(runners: Mapping[str, LoadedModel]) -> None:
    """Raise ModelError where a model lacks an output of the baseline: no metric could compare them."""
    expected = runners[BASELINE].outputs
    for runner in runners.values():
        if missing := set(expected) - set(runner.outputs):
            raise ModelError(
                f"{runner.model}: lacks the outputs {', '.join(sorted(missing))}; "
                f"it has {', '.join(runner.outputs)}"
            )
