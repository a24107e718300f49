"""The tuning split in a search: rows and the baseline's outputs in memory, so a trial runs one model only."""

from collections.abc import Callable, Mapping, Sequence
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
from inc_mlflow.measure.timing.cpu_time import cpu_time_speedup
from inc_mlflow.measure.timing.in_process import time_in_process
from inc_mlflow.metrics.resolve import resolve_metrics
from inc_mlflow.records import Interval, SplitFacts
from inc_mlflow.spec import Job, gates_of
from inc_mlflow.steps.baselines import Baseline
from inc_mlflow.steps.compress.tuning_metric import MetricScore, TuningMetric
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
_Kept = TypeVar("_Kept")


@dataclass(frozen=True)
class TuningScore:
    """Score of one model on tuning rows, by each metric that is judged."""

    rows: int
    by_metric: dict[str, MetricScore]

    @property
    def first(self) -> MetricScore:
        """The score by the metric that orders the table."""
        return next(iter(self.by_metric.values()))


class Tuning:
    """At most ``limit`` rows in memory, with the outputs of the baseline.

    Raises DataError where there are too few rows, or the baseline's metric is zero or no number. Metrics that
    decide nothing are left out.
    """

    def __init__(self, job: Job, baseline: Baseline, limit: int, lag: float = 1.0) -> None:
        """``lag`` is how many times faster the baseline of another engine is, which all have to beat."""
        self.lag = lag
        self._runner = runner = baseline.engine.load(baseline.path, RunSettings())
        self._confidence = job.spec.gate.confidence
        gates = gates_of(job.spec.all_metrics.values(), job.spec.gate)
        metrics = resolve_metrics(job.spec, job.root, list(runner.outputs))
        judged = [(one, gate) for one, gate in zip(metrics, gates, strict=True) if gate is not None]
        self._judged = [metric for metric, _ in judged]
        self.batches: list[Arrays] = []
        self._labels: list[np.ndarray | None] = []
        self.facts = self._read(job, max(TIMED * job.layout.batch, limit))
        self._exact = _run(runner, self.batches[: max(1, COMPARED // job.layout.batch)], "compare outputs")
        reference = self._outputs(runner, 0, len(self.batches))
        self._sizes = [len(next(iter(batch.values()))) for batch in self.batches]
        self._metrics = {
            metric.name: TuningMetric(metric, gate, [batch[metric.name] for batch in reference], self._sizes)
            for metric, gate in judged
        }

    @property
    def limits(self) -> dict[str, float]:
        """The allowed drops by metric, each as a share of the baseline's; the first metric's comes first."""
        return {name: metric.limit for name, metric in self._metrics.items()}

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

    def speedup(self, runner: LoadedModel) -> Interval:
        """Time a model and the baseline in turns; the speed-up is against the fastest engine's baseline."""
        times = time_in_process(self._runner, runner, self.batches[:TIMED])
        own = cpu_time_speedup(*times, self._confidence)
        return Interval(value=own.value / self.lag, low=own.low / self.lag, high=own.high / self.lag)

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

    def score(self, runner: LoadedModel) -> TuningScore:
        """Return the score; a quarter of the rows is enough if they prove a drop beyond a limit."""
        decomposable = all(one.decomposable for one in self._metrics.values())
        first = max(1, int(len(self.batches) * _FIRST)) if decomposable else len(self.batches)
        outputs = self._outputs(runner, 0, first)
        tuned = self._tuned(outputs)
        if first == len(self.batches) or self._hopeless(tuned):
            return tuned
        return self._tuned([*outputs, *self._outputs(runner, first, len(self.batches))])

    def beyond(self, tuned: TuningScore) -> list[str]:
        """Return a line for each metric whose drop is beyond its limit."""
        return [line for name, one in tuned.by_metric.items() if (line := self._metrics[name].beyond(one))]

    def _hopeless(self, tuned: TuningScore) -> bool:
        """Tell whether by some metric the rest of the rows cannot help."""
        return any(
            not np.isfinite(one.accuracy)
            or (np.isfinite(one.drop.low) and one.drop.low > self._metrics[name].limit)
            for name, one in tuned.by_metric.items()
        )

    def _outputs(self, runner: LoadedModel, start: int, end: int) -> list[dict[str, Arrays]]:
        """Return by batch and metric what is kept of a model's outputs."""

        def keep(batch: tuple[Arrays, np.ndarray | None]) -> dict[str, Arrays]:
            outputs = runner(batch[0])
            return {metric.name: metric.keep(outputs, batch[1]) for metric in self._judged}

        batches = list(zip(self.batches, self._labels, strict=True))[start:end]
        return _run(keep, batches, "evaluate on tuning")

    def _tuned(self, outputs: Sequence[Mapping[str, Arrays]]) -> TuningScore:
        by_metric = {
            name: metric.score([batch[name] for batch in outputs]) for name, metric in self._metrics.items()
        }
        return TuningScore(sum(self._sizes[: len(outputs)]), by_metric)


def _run(model: Callable[[_Batch], _Kept], batches: Sequence[_Batch], label: str) -> list[_Kept]:
    with ThreadPoolExecutor(len(usable_cores())) as pool:
        return list(progress.track(pool.map(model, batches), label, len(batches)))


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
