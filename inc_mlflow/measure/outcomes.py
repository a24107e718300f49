"""Run several models over the same rows and keep each one's outcomes."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from inc_mlflow.errors import DataError
from inc_mlflow.measure.resample import resample

Arrays = dict[str, np.ndarray]
Runner = Callable[[Arrays], Arrays]


@dataclass(frozen=True)
class Scoring:
    """The part of a metric that this module needs, see ``metrics.metric.Metric``."""

    keep: Callable[[Arrays], Arrays]
    score: Callable[[Arrays, np.ndarray | None, Arrays], np.ndarray | float]
    decomposable: bool


@dataclass(frozen=True)
class Outcomes:
    """One model's metric, and what paired statistics need.

    ``replicates`` are per-sample scores, or the metric on each of 1,000 resamples where it does not decompose.
    """

    value: float
    replicates: np.ndarray


@dataclass
class _Parts:
    """What is kept of one model while the rows stream by."""

    scores: list[np.ndarray] = field(default_factory=list)
    kept: list[Arrays] = field(default_factory=list)


def collect_outcomes(
    models: Mapping[str, Runner],
    baseline: str,
    rows: Iterable[tuple[Arrays, np.ndarray | None]],
    scoring: Scoring,
    workers: int,
    shown: Callable[[Iterable[list[float]]], Iterable[list[float]]] = iter,
) -> dict[str, Outcomes]:
    """Return outcomes by model, in one pass over ``workers`` batches at a time; every model sees the very same batches.

    A metric that decomposes keeps one number per row. Any other keeps what it needs of all outputs and is then called
    again on the resamples; ``shown`` wraps that loop, to show progress.
    """
    parts = {name: _Parts() for name in models}
    labels: list[np.ndarray | None] = []
    for label, kept in _run(models, rows, scoring, workers):
        labels.append(label)
        for name, part in parts.items():
            _add(part, kept[name], label, kept[baseline], scoring)
    if not labels:
        raise DataError("data: the split has no rows to evaluate on; give it some")
    if scoring.decomposable:
        return {name: _mean(part.scores) for name, part in parts.items()}
    outputs = {name: _join(part.kept) for name, part in parts.items()}
    joined = _join_labels(labels)
    values = {name: float(scoring.score(kept, joined, outputs[baseline])) for name, kept in outputs.items()}
    replicates = resample(outputs, baseline, joined, scoring.score, workers, shown)
    return {name: Outcomes(values[name], replicates[name]) for name in outputs}


def _run(
    models: Mapping[str, Runner], rows: Iterable[tuple[Arrays, np.ndarray | None]], scoring: Scoring, workers: int
) -> Iterator[tuple[np.ndarray | None, dict[str, Arrays]]]:
    """Yield the labels and every model's kept outputs of each batch, in the order of the rows."""

    def run(inputs: Arrays) -> dict[str, Arrays]:
        return {name: scoring.keep(model(inputs)) for name, model in models.items()}

    waiting: deque[tuple[np.ndarray | None, Future[dict[str, Arrays]]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for inputs, label in rows:
            waiting.append((label, pool.submit(run, inputs)))
            if len(waiting) > workers:
                done, future = waiting.popleft()
                yield done, future.result()
        yield from ((label, future.result()) for label, future in waiting)


def _add(part: _Parts, kept: Arrays, label: np.ndarray | None, baseline: Arrays, scoring: Scoring) -> None:
    if scoring.decomposable:
        part.scores.append(np.asarray(scoring.score(kept, label, baseline)))
    else:
        part.kept.append(kept)


def _mean(scores: list[np.ndarray]) -> Outcomes:
    joined = np.concatenate(scores)
    return Outcomes(float(joined.mean()), joined)


def _join(parts: list[Arrays]) -> Arrays:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _join_labels(labels: list[np.ndarray | None]) -> np.ndarray | None:
    given = [label for label in labels if label is not None]
    return np.concatenate(given) if len(given) == len(labels) else None
