"""The tuning split during a search: its rows and the baseline's outputs, kept, so that a trial runs only its own model."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from inc_mlflow import progress
from inc_mlflow.datasets.rows import Content
from inc_mlflow.errors import DataError
from inc_mlflow.hardware.probe import usable_cores
from inc_mlflow.measure import paired
from inc_mlflow.metrics.metric import Outputs
from inc_mlflow.metrics.resolve import resolve
from inc_mlflow.ort.runner import Arrays, Runner
from inc_mlflow.records import Interval
from inc_mlflow.spec import Job
from inc_mlflow.steps.inputs import open_data

COMPARED = 64
"""Rows on which outputs are compared number by number; more change the second digit of their distance little."""
_FIRST = 0.25
"""Share of the rows after which a hopeless trial ends."""


@dataclass(frozen=True)
class Tuned:
    """What the tuning rows say of one model; the drop has no bounds where the metric does not decompose."""

    rows: int
    accuracy: float
    drop: Interval


class Tuning:
    """Rows in memory, at most ``limit`` of them, and what the baseline gives for them."""

    def __init__(self, job: Job, baseline: Path, limit: int) -> None:
        self._confidence = job.spec.gate.confidence
        runner = Runner(baseline, threads=1)
        self._metric = resolve(job.spec.metric, job.root, runner.outputs)
        content = Content()
        self.batches: list[Arrays] = []
        labels: list[np.ndarray | None] = []
        size = job.layout.batch
        for inputs, label, digests in islice(open_data(job).rows("tuning", size), max(1, limit // size)):
            content.add(digests, label)
            self.batches.append(inputs)
            labels.append(label)
        if not labels:
            raise DataError("data.tuning: has no rows; give it some, a search chooses by them")
        self._labels = labels
        self.facts = content.facts()
        self._exact = _run(runner, self.batches[: max(1, COMPARED // size)], "compare outputs")
        self._reference = self._kept(runner, 0, len(self.batches))

    def output_error(self, runner: Runner) -> float:
        """Return the root mean square of the difference to the baseline's outputs, relative to theirs, all float outputs."""
        found = _run(runner, self.batches[: len(self._exact)], "compare outputs")
        pairs = [(true[name], one[name]) for true, one in zip(self._exact, found, strict=True) for name in true]
        floats = [(a.astype(np.float64), b) for a, b in pairs if np.issubdtype(a.dtype, np.floating)]
        signal = sum(float(np.square(a).sum()) for a, _ in floats)
        error = sum(float(np.square(a - b).sum()) for a, b in floats)
        return float(np.sqrt(error / max(signal, np.finfo(float).tiny)))

    def score(self, runner: Runner, limit: float) -> Tuned:
        """Return the metric; a quarter of the rows is enough where they already prove a drop beyond ``limit``."""
        first = max(1, int(len(self.batches) * _FIRST)) if self._metric.decomposable else len(self.batches)
        outputs = self._kept(runner, 0, first)
        tuned = self._tuned(outputs)
        if first == len(self.batches) or not np.isfinite(tuned.accuracy) or tuned.drop.low > limit:
            return tuned
        return self._tuned([*outputs, *self._kept(runner, first, len(self.batches))])

    def _kept(self, runner: Runner, start: int, end: int) -> list[Outputs]:
        return _run(lambda inputs: self._metric.keep(runner(inputs)), self.batches[start:end], "evaluate on tuning")

    def _tuned(self, outputs: Sequence[Outputs]) -> Tuned:
        reference, labels = self._reference[: len(outputs)], self._labels[: len(outputs)]
        rows = sum(len(next(iter(batch.values()))) for batch in self.batches[: len(outputs)])
        if self._metric.decomposable:
            scores = self._scores(outputs, labels, reference)
            return self._paired(rows, self._scores(reference, labels, reference), scores)
        given = [label for label in labels if label is not None]
        joined = np.concatenate(given) if len(given) == len(labels) else None
        true = _joined(reference)
        base, value = (float(self._metric.score(one, joined, true)) for one in (true, _joined(outputs)))
        return Tuned(rows, value, Interval.exact(self._sign * (base - value) / abs(_nonzero(base))))

    def _scores(
        self, outputs: Sequence[Outputs], labels: Sequence[np.ndarray | None], reference: Sequence[Outputs]
    ) -> np.ndarray:
        triples = zip(outputs, labels, reference, strict=True)
        return np.concatenate([np.asarray(self._metric.score(*triple)) for triple in triples])

    def _paired(self, rows: int, base: np.ndarray, scores: np.ndarray) -> Tuned:
        value = float(scores.mean())
        if not np.isfinite(value):
            return Tuned(rows, value, Interval.exact(0.0))
        drop = paired.relative_drop(
            (_nonzero(float(base.mean())), base),
            (value, scores),
            decomposable=True,
            higher_is_better=self._metric.higher_is_better,
            confidence=self._confidence,
        )
        return Tuned(rows, value, drop)

    @property
    def _sign(self) -> float:
        return 1.0 if self._metric.higher_is_better else -1.0


def _run(model: Callable[[Arrays], Arrays], batches: Sequence[Arrays], label: str) -> list[Arrays]:
    with ThreadPoolExecutor(len(usable_cores())) as pool:
        return list(progress.track(pool.map(model, batches), label, len(batches)))


def _joined(parts: Sequence[Outputs]) -> Outputs:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _nonzero(value: float) -> float:
    if value == 0 or not np.isfinite(value):
        raise DataError(f"data.tuning: the baseline's metric there is {value}; check data, labels and metric")
    return value
