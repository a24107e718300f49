"""Say by labels alone that metrics cannot tell models apart: nearly all validation rows have one class."""

from collections import Counter
from collections.abc import Iterator

import numpy as np

from inc_mlflow.formatting import percent
from inc_mlflow.measure.gate.constant_answer import within_limits
from inc_mlflow.measure.gate.power import allowed
from inc_mlflow.metrics.labels import CLASS
from inc_mlflow.registry.metrics import METRICS
from inc_mlflow.spec import GateSpec, Job, MetricSpec, gates_of


class CommonLabel:
    """Counts the classes of validation, where a metric is the share of rows whose class is right."""

    def __init__(self, job: Job) -> None:
        self._metrics = job.spec.all_metrics.values()
        self._counted = any(map(_is_share_of_right, self._metrics))
        self._counts: Counter[int] = Counter()

    def __call__(self, split: str, labels: np.ndarray | None) -> None:
        """Count the labels of a batch, which have been checked."""
        if self._counted and split == "validation" and labels is not None:
            self._counts.update(labels.tolist())

    def notes(self, gate: GateSpec) -> Iterator[str]:
        """Yield a line where a model that always answers the commonest class is as good as a perfect one."""
        for metric, limits in zip(self._metrics, gates_of(self._metrics, gate), strict=True):
            if self._counts and limits is not None and _is_share_of_right(metric):
                yield from self._notes(metric, limits)

    def _notes(self, metric: MetricSpec, gate: GateSpec) -> Iterator[str]:
        label, count = self._counts.most_common(1)[0]
        share = count / self._counts.total()
        told_by_class = gate.max_class_drop is not None and share < 1
        if within_limits(1 - share, 1.0, gate) and not told_by_class:
            yield (
                f"data.validation: {percent(share)} of the labels are {label}, so by {metric.called} a model "
                f"that always answers {label} is within the allowed drop of {allowed(gate)}: nothing can "
                "pass; give rows of other classes"
            )


def _is_share_of_right(metric: MetricSpec) -> bool:
    named = METRICS.get(metric.name) if metric.name is not None else None
    return named is not None and named.binary and named.labels is CLASS
