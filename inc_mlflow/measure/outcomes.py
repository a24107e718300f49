"""Run several models over the same rows and keep each one's outcomes."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from inc_mlflow.errors import DataError
from inc_mlflow.measure.resample import Missing, resample

Arrays = dict[str, np.ndarray]
Runner = Callable[[Arrays], Arrays]


@dataclass(frozen=True)
class Scoring:
    """The part of a metric that this module needs, see ``metrics.metric.Metric``."""

    keep: Callable[[Arrays, np.ndarray | None], Arrays]
    score: Callable[[Arrays, Arrays], np.ndarray | float]
    decomposable: bool
    group: Callable[[Arrays], Arrays] = dict
    """From all rows to what is resampled; the rows themselves by default."""
    missing: Missing | None = None
    """What labels lack; resamples that lack something are left out for all models alike."""


@dataclass(frozen=True)
class Outcomes:
    """One model's metric, and what paired statistics need.

    ``replicates`` are per-sample scores, or the metric on each of up to 1,000 resamples where it does not decompose.
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

    A metric that decomposes keeps one number per row. Any other keeps what it needs of all rows and is then called
    again on the resamples; ``shown`` wraps that loop, to show progress.
    """
    parts = {name: _Parts() for name in models}
    for kept in _run(models, rows, scoring, workers):
        for name, part in parts.items():
            _add(part, kept[name], kept[baseline], scoring)
    if not any((*part.scores, *part.kept) for part in parts.values()):
        raise DataError("data: the split has no rows to evaluate on; give it some")
    if scoring.decomposable:
        return {name: _mean(part.scores) for name, part in parts.items()}
    kept = {name: scoring.group(join(part.kept)) for name, part in parts.items()}
    values = {name: float(scoring.score(one, kept[baseline])) for name, one in kept.items()}
    replicates = resample(kept, baseline, scoring.score, workers, shown, scoring.missing)
    return {name: Outcomes(values[name], replicates[name]) for name in kept}


def _run(
    models: Mapping[str, Runner], rows: Iterable[tuple[Arrays, np.ndarray | None]], scoring: Scoring, workers: int
) -> Iterator[dict[str, Arrays]]:
    """Yield what is kept of every model of each batch, in the order of the rows."""

    def run(inputs: Arrays, label: np.ndarray | None) -> dict[str, Arrays]:
        return {name: scoring.keep(model(inputs), label) for name, model in models.items()}

    waiting: deque[Future[dict[str, Arrays]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for inputs, label in rows:
            waiting.append(pool.submit(run, inputs, label))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        yield from (future.result() for future in waiting)


def _add(part: _Parts, kept: Arrays, baseline: Arrays, scoring: Scoring) -> None:
    if scoring.decomposable:
        part.scores.append(np.asarray(scoring.score(kept, baseline)))
    else:
        part.kept.append(kept)


def _mean(scores: list[np.ndarray]) -> Outcomes:
    joined = np.concatenate(scores)
    return Outcomes(float(joined.mean()), joined)


def join(parts: Sequence[Arrays]) -> Arrays:
    """Join what is kept of batches; DataError where a callable's outputs, kept as they are, differ in shape."""
    return {name: _joined(name, [part[name] for part in parts]) for name in parts[0]}


def _joined(name: str, arrays: list[np.ndarray]) -> np.ndarray:
    if other := [array.shape[1:] for array in arrays if array.shape[1:] != arrays[0].shape[1:]]:
        what, has, kind = (repr(name), "has", "outputs") if name else ("labels", "have", "labels")
        raise DataError(
            f"metric: {what} {has} rows of shape {arrays[0].shape[1:]} and of {other[0]}; give {kind} one shape, or pad them"
        )
    return np.concatenate(arrays)
