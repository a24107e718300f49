"""What one pool measured: its evaluation by each metric with the outcomes, and its benchmark."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np

from inc_mlflow.measure.stats.outcomes import Outcomes
from inc_mlflow.records import BenchmarkRecord, EvaluationRecord
from inc_mlflow.records.measurements import CONSTANT, FurtherMetric
from inc_mlflow.spec import GateSpec
from inc_mlflow.spec.gate import DEFAULT_DROP
from inc_mlflow.spec.pools import is_emulated


@dataclass(frozen=True)
class Measured:
    """All that one pool measured.

    ``outcomes`` are the evaluation's replicates by model, see ``Outcomes``.
    """

    evaluation: EvaluationRecord
    outcomes: Mapping[str, np.ndarray]
    benchmark: BenchmarkRecord | None
    """None where there is no speed, as on an emulated pool."""
    classes: np.ndarray | None = None
    """Class of each row, shape (n,), where the metric's labels are classes."""
    groups: np.ndarray | None = None
    """Number of each row's group, shape (n,), where the job draws rows in groups."""
    constant: np.ndarray | None = None
    """Replicates of one answer for all rows; its metric alone, shape (1,), where that does not decompose."""
    further: tuple["Measured", ...] = ()
    """The same pass by the job's other metrics, each as if it were the only one."""
    own: FurtherMetric | None = None
    """The limits of such a metric; None of the first."""

    @classmethod
    def by_further(
        cls, record: EvaluationRecord, name: str, arrays: Mapping[str, np.ndarray], groups: np.ndarray | None
    ) -> Self:
        """Return what a pass measured by one metric that is not the first; ``arrays`` are that one's."""
        about, found = record.further[name], record.further_results[name]
        update = {
            "metric": name,
            "higher_is_better": about.higher_is_better,
            "decomposable": about.decomposable,
            "score_range": about.score_range,
            **dict(found),
            "further": {},
            "further_results": {},
        }
        outcomes = {label: array for label, array in arrays.items() if label != CONSTANT}
        return cls(
            record.model_copy(update=update),
            outcomes,
            None,
            groups=groups,
            constant=arrays.get(CONSTANT),
            own=about,
        )

    @property
    def by_metric(self) -> tuple["Measured", ...]:
        """The pass by each metric, the first one's first."""
        return self, *self.further

    @property
    def judged(self) -> bool:
        """Tell whether the metric decides anything."""
        return self.own is None or not self.own.informative

    def limits(self, gate: GateSpec) -> GateSpec:
        """Return the gate with the limits of this metric; raise SpecError where a judged one has none."""
        if self.own is None:
            return gate
        relative, absolute = self.own.max_relative_drop, self.own.max_absolute_drop
        if self.own.informative:
            relative = gate.max_relative_drop or DEFAULT_DROP
        return gate.of_further(self.evaluation.metric, relative, absolute)

    @property
    def emulated(self) -> bool:
        """Tell whether the pool is emulated."""
        return is_emulated(self.evaluation.evidence.pool)

    def scored(self, label: str) -> Outcomes | None:
        """Return one model's metric and outcomes; None where it is no number."""
        value = self.evaluation.results[label].value
        return None if value is None else Outcomes(value, self.outcomes[label])
