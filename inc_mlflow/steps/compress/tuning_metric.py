"""One metric on the tuning split: a model's value and its drop from the baseline's."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import DataError
from inc_mlflow.formatting import percent
from inc_mlflow.measure.stats.outcomes import Outcomes, join_batches
from inc_mlflow.measure.stats.paired import Pair, relative_drop
from inc_mlflow.metrics.metric import Metric
from inc_mlflow.records import Interval, MetricFacts
from inc_mlflow.spec import GateSpec


@dataclass(frozen=True)
class MetricScore:
    """Score of one model by one metric; the drop has no bounds where the metric does not decompose."""

    accuracy: float
    drop: Interval
    disagreement: float | None = None
    """Share of rows that only one of the models gets right; None where scores are not right or wrong."""


class TuningMetric:
    """A metric that is judged, with its ``gate``.

    ``reference`` is what it keeps of the baseline's batches, which have ``sizes`` rows. Raises DataError
    where the baseline's metric is zero or no number.
    """

    def __init__(
        self, metric: Metric, gate: GateSpec, reference: Sequence[Arrays], sizes: Sequence[int]
    ) -> None:
        self._metric, self._reference, self._sizes = metric, reference, sizes
        self._confidence = gate.confidence
        self.limit = 0.0
        """The allowed drop, as a share of the baseline's metric."""
        self.baseline = self.score(reference).accuracy
        """The baseline's metric."""
        if self.baseline == 0 or not np.isfinite(self.baseline):
            raise DataError(
                f"data.tuning: the baseline's {metric.name} there is {self.baseline}; "
                "check data, labels and metric"
            )
        self.limit = gate.relative_limit(self.baseline)

    @property
    def decomposable(self) -> bool:
        """Tell whether some of the rows have a score of their own."""
        return self._metric.decomposable

    def score(self, outputs: Sequence[Arrays]) -> MetricScore:
        """Return the score of what the metric keeps of a model's first batches, or of all."""
        reference, rows = self._reference[: len(outputs)], sum(self._sizes[: len(outputs)])
        if self._metric.decomposable:
            return self._paired(rows, self._scores(reference, reference), self._scores(outputs, reference))
        true, outcome = (self._metric.group(join_batches(parts)) for parts in (reference, outputs))
        base, value = (float(self._metric.score(one, true)) for one in (true, outcome))
        return MetricScore(value, _exact(self._sign * (base - value), base))

    def beyond(self, score: MetricScore) -> str | None:
        """Return a line where the drop is beyond the limit."""
        if score.drop.value <= self.limit:
            return None
        about = MetricFacts(name=self._metric.name, higher_is_better=self._metric.higher_is_better)
        worse = f"{about.name} {about.loss}s by {percent(score.drop.value)}"
        return f"{worse}, allowed is {percent(self.limit)}"

    def _scores(self, outputs: Sequence[Arrays], reference: Sequence[Arrays]) -> np.ndarray:
        return np.concatenate(
            [np.asarray(self._metric.score(*pair)) for pair in zip(outputs, reference, strict=True)]
        )

    def _paired(self, rows: int, base: np.ndarray, scores: np.ndarray) -> MetricScore:
        """Compare row by row; the drop has no bounds where these rows allow none."""
        true, value = float(base.mean()), float(scores.mean())
        if not np.isfinite(value) or true == 0:
            return MetricScore(value, _exact(self._sign * (true - value), true))
        of = True, self._metric.higher_is_better, rows, self._metric.score_range
        pair = Pair(Outcomes(true, base), Outcomes(value, scores), *of)
        drop = relative_drop(pair, self.limit)(self._confidence)
        disagreement = float((base != scores).mean()) if pair.binary and pair.higher_is_better else None
        return MetricScore(value, drop, disagreement)

    @property
    def _sign(self) -> float:
        return 1.0 if self._metric.higher_is_better else -1.0


def _exact(lost: float, base: float) -> Interval:
    """Return a relative drop without bounds; zero where the baseline is zero or the metric is no number."""
    return Interval.exact(lost / abs(base) if base and np.isfinite(lost / base) else 0.0)
