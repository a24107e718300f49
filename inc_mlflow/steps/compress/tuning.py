"""The tuning split in a search: rows and the baseline's outputs in memory, so a trial runs one model only."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

import numpy as np

from inc_mlflow import progress
from inc_mlflow.arrays import Arrays
from inc_mlflow.datasets.rows import Content
from inc_mlflow.engines.engine import LoadedModel, RunSettings
from inc_mlflow.errors import DataError
from inc_mlflow.hardware.probe import usable_cores
from inc_mlflow.measure.stats.outcomes import Outcomes, join_batches
from inc_mlflow.measure.stats.paired import Pair, relative_drop
from inc_mlflow.metrics.resolve import metric_facts, resolve
from inc_mlflow.records import Interval, SplitFacts
from inc_mlflow.spec import Job
from inc_mlflow.steps.baselines import Baseline
from inc_mlflow.steps.data import open_data

COMPARED = 64
"""Rows on which outputs are compared number by number; more rows change only the second digit."""
TIMED = 4
"""Batches on which a trial is timed."""
_LEAST = 2
"""Least number of batches: with fewer, a ratio of speeds has no spread."""
HELD_BYTES = 2**30
"""Largest size of the rows in memory."""
_FIRST = 0.25
"""Share of the rows after which a hopeless trial ends."""
_Batch = TypeVar("_Batch")


@dataclass(frozen=True)
class TuningScore:
    """Score of one model on tuning rows; the drop has no bounds where the metric does not decompose."""

    rows: int
    accuracy: float
    drop: Interval
    disagreement: float | None = None
    """Share of rows that only one of the models gets right; None where scores are not right or wrong."""


class Tuning:
    """At most ``limit`` rows in memory, with the outputs of the baseline.

    Raises DataError where there are too few rows, or the baseline's metric is zero or no number.
    """

    def __init__(self, job: Job, baseline: Baseline, limit: int) -> None:
        self._confidence = job.spec.gate.confidence
        runner = baseline.engine.load(baseline.path, RunSettings())
        self._metric = resolve(job.spec.metric, job.root, list(runner.outputs))
        self.metric = metric_facts(job.spec.metric)
        self.batches: list[Arrays] = []
        self._labels: list[np.ndarray | None] = []
        self.facts = self._read(job, max(TIMED * job.layout.batch, limit))
        self._exact = _run(runner, self.batches[: max(1, COMPARED // job.layout.batch)], "compare outputs")
        self._reference = self._outputs(runner, 0, len(self.batches))
        self.baseline = self._tuned(self._reference, 0.0).accuracy
        """The baseline's metric."""
        if self.baseline == 0 or not np.isfinite(self.baseline):
            raise DataError(
                f"data.tuning: the baseline's metric there is {self.baseline}; check data, labels and metric"
            )

    def _read(self, job: Job, limit: int) -> SplitFacts:
        content, held = Content(), 0
        for inputs, label, digests in islice(
            open_data(job).rows("tuning", job.layout.batch), limit // job.layout.batch
        ):
            content.add(digests, label)
            self.batches.append(inputs)
            self._labels.append(label)
            held += sum(array.nbytes for array in inputs.values())
            if held > HELD_BYTES and len(self.batches) >= TIMED:
                break
        if len(self.batches) < _LEAST:
            needed = _LEAST * job.layout.batch
            raise DataError(
                f"data.tuning: a search needs {needed} rows that validation does not hold; give it more"
            )
        return content.facts()

    def output_error(self, runner: LoadedModel) -> float:
        """Return the distance of the outputs from the baseline's.

        It is the root mean square of the difference, relative to the baseline's outputs, over all float
        outputs. Where all outputs are whole numbers, it is the share of values that differ.
        """
        outputs = _run(runner, self.batches[: len(self._exact)], "compare outputs")
        pairs = [
            same_size(true[name], value[name])
            for true, value in zip(self._exact, outputs, strict=True)
            for name in true
        ]
        floats = [pair for pair in pairs if np.issubdtype(pair[0].dtype, np.floating)]
        return relative_error(floats) if floats else float(np.mean([np.mean(a != b) for a, b in pairs]))

    def score(self, runner: LoadedModel, limit: float) -> TuningScore:
        """Return the score; a quarter of the rows is enough if they prove a drop beyond ``limit``."""
        first = max(1, int(len(self.batches) * _FIRST)) if self._metric.decomposable else len(self.batches)
        outputs = self._outputs(runner, 0, first)
        tuned = self._tuned(outputs, limit)
        hopeless = np.isfinite(tuned.drop.low) and tuned.drop.low > limit
        if first == len(self.batches) or not np.isfinite(tuned.accuracy) or hopeless:
            return tuned
        return self._tuned([*outputs, *self._outputs(runner, first, len(self.batches))], limit)

    def _outputs(self, runner: LoadedModel, start: int, end: int) -> list[Arrays]:
        def keep(batch: tuple[Arrays, np.ndarray | None]) -> Arrays:
            return self._metric.keep(runner(batch[0]), batch[1])

        batches = list(zip(self.batches, self._labels, strict=True))[start:end]
        return _run(keep, batches, "evaluate on tuning")

    def _tuned(self, outputs: Sequence[Arrays], limit: float) -> TuningScore:
        reference = self._reference[: len(outputs)]
        rows = sum(len(next(iter(batch.values()))) for batch in self.batches[: len(outputs)])
        if self._metric.decomposable:
            return self._paired(
                rows, self._scores(reference, reference), self._scores(outputs, reference), limit
            )
        true, outcome = (self._metric.group(join_batches(parts)) for parts in (reference, outputs))
        base, value = (float(self._metric.score(one, true)) for one in (true, outcome))
        return TuningScore(rows, value, _exact(self._sign * (base - value), base))

    def _scores(self, outputs: Sequence[Arrays], reference: Sequence[Arrays]) -> np.ndarray:
        return np.concatenate(
            [np.asarray(self._metric.score(*pair)) for pair in zip(outputs, reference, strict=True)]
        )

    def _paired(self, rows: int, base: np.ndarray, scores: np.ndarray, limit: float) -> TuningScore:
        """Compare row by row; the drop has no bounds where these rows allow none."""
        true, value = float(base.mean()), float(scores.mean())
        if not np.isfinite(value) or true == 0:
            return TuningScore(rows, value, _exact(self._sign * (true - value), true))
        of = True, self._metric.higher_is_better, rows, self._metric.score_range
        pair = Pair(Outcomes(true, base), Outcomes(value, scores), *of)
        drop = relative_drop(pair, limit)(self._confidence)
        return TuningScore(
            rows,
            value,
            drop,
            float((base != scores).mean()) if pair.binary and pair.higher_is_better else None,
        )

    @property
    def _sign(self) -> float:
        return 1.0 if self._metric.higher_is_better else -1.0


def _run(model: Callable[[_Batch], Arrays], batches: Sequence[_Batch], label: str) -> list[Arrays]:
    with ThreadPoolExecutor(len(usable_cores())) as pool:
        return list(progress.track(pool.map(model, batches), label, len(batches)))


def _exact(lost: float, base: float) -> Interval:
    """Return a relative drop without bounds; zero where the baseline is zero or the metric is no number."""
    return Interval.exact(lost / abs(base) if base and np.isfinite(lost / base) else 0.0)


def same_size(true: np.ndarray, measured: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return both arrays with as many values; where shapes differ, what one lacks counts as zero."""
    if true.shape == measured.shape:
        return true, measured
    one, other = true.ravel(), measured.ravel()
    size = max(one.size, other.size)
    return np.pad(one, (0, size - one.size)), np.pad(other, (0, size - other.size))


def relative_error(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """Return the root mean square error of (true, measured) arrays, relative to the true ones.

    Equal values count as no difference, also where both are infinite.
    """
    signal = error = 0.0
    for true, measured in pairs:
        differs = true != measured
        signal += float(np.square(true[np.isfinite(true)], dtype=np.float64).sum())
        error += float(np.square(true[differs].astype(np.float64) - measured[differs]).sum())
    return float(np.sqrt(error / max(signal, np.finfo(float).tiny)))
