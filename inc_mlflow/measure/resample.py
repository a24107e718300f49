"""Replicates of a metric that does not decompose: the same resampled rows for every model, on all cores."""

import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

from inc_mlflow.measure.seed import SEED

Arrays = dict[str, np.ndarray]
Score = Callable[[Arrays, Arrays], np.ndarray | float]
RESAMPLES = 1000

_replicate: Callable[[int], list[float]] | None = None
"""What a forked worker computes; a closure cannot be sent to it, but it is there already when the fork happens."""


def resample(
    kept: Mapping[str, Arrays],
    baseline: str,
    score: Score,
    workers: int,
    shown: Callable[[Iterable[list[float]]], Iterable[list[float]]] = iter,
) -> dict[str, np.ndarray]:
    """Return ``score`` of each model on 1,000 resamples of the rows; ``shown`` wraps the loop, to show progress."""
    count = len(next(iter(kept[baseline].values())))
    drawn = np.random.default_rng(SEED).integers(0, count, (RESAMPLES, count))

    def replicate(index: int) -> list[float]:
        rows = drawn[index]
        reference = _take(kept[baseline], rows)
        return [float(score(_take(one, rows), reference)) for one in kept.values()]

    replicates = np.array(list(shown(_map(replicate, workers))))
    return {name: replicates[:, column] for column, name in enumerate(kept)}


def _map(replicate: Callable[[int], list[float]], workers: int) -> Iterator[list[float]]:
    """Call ``replicate`` for every resample, in order; forked workers where the system forks safely."""
    if workers < 2 or sys.platform != "linux":
        yield from map(replicate, range(RESAMPLES))
        return
    global _replicate
    _replicate = replicate
    try:
        with multiprocessing.get_context("fork").Pool(workers) as pool:
            yield from pool.imap(_in_worker, range(RESAMPLES), chunksize=8)
    finally:
        _replicate = None


def _in_worker(index: int) -> list[float]:
    if _replicate is None:
        raise TypeError("a worker was started without its work")
    return _replicate(index)


def _take(arrays: Arrays, rows: np.ndarray) -> Arrays:
    return {name: array[rows] for name, array in arrays.items()}
