"""Replicates of a metric of all rows together: the same resampled rows for every model, on all cores."""

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import DataError, KilledError
from inc_mlflow.guard import end_with_parent
from inc_mlflow.measure.stats.seed import SEED

Score = Callable[[Arrays, Arrays], np.ndarray | float]
Missing = Callable[[Arrays], str]
"""Says what rows lack, by their labels alone, for a metric to be defined on them; "" where nothing."""
RESAMPLES = 1000
LEFT_OUT = 0.05
"""Largest share of resamples that may be left out because their labels leave the metric undefined."""

_replicate: Callable[[int], list[float]] | None = None
"""What a forked worker computes. A closure cannot be sent to a process, but the fork inherits it."""


def resample(
    kept: Mapping[str, Arrays],
    baseline: str,
    score: Score,
    workers: int,
    shown: Callable[[Iterable[list[float]]], Iterable[list[float]]] = iter,
    missing: Missing | None = None,
    groups: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Return by model the ``score`` on each of up to 1,000 resamples of the rows, shape (resamples,).

    ``kept`` holds by model what the metric keeps of all rows, arrays of shape (rows, ...). ``shown`` wraps
    the loop, to show progress. With ``groups``, the number of each row's group of shape (rows,), whole groups
    are drawn. Raises DataError as ``draw_rows`` does, and KilledError where a worker process was killed.
    """
    drawn = draw_rows(kept[baseline], missing, groups)

    def replicate(index: int) -> list[float]:
        rows = drawn[index]
        reference = _take(kept[baseline], rows)
        return [float(score(_take(one, rows), reference)) for one in kept.values()]

    replicates = np.array(list(shown(_map(replicate, len(drawn), workers))))
    return {name: replicates[:, column] for column, name in enumerate(kept)}


def draw_rows(
    kept: Arrays, missing: Missing | None, groups: np.ndarray | None = None
) -> Sequence[np.ndarray]:
    """Return the row numbers of each resample; an array per resample.

    Resamples on which the metric is undefined are left out, by their labels alone, which all models share:
    what a model answers leaves out nothing. Raises DataError where all rows leave the metric undefined, or
    more than 5 % of the resamples do.
    """
    count = len(next(iter(kept.values())))
    drawn = _rows(count) if groups is None else _rows_of_groups(groups)
    if missing is None:
        return drawn
    if what := missing(kept):
        raise DataError(f"metric: undefined on these {count:,} rows, which have no {what}; give some")
    lacking = [missing(_take(kept, rows)) for rows in drawn]
    lost, most = sum(what != "" for what in lacking), int(LEFT_OUT * RESAMPLES)
    if lost > most:
        what = " or no ".join(sorted(set(lacking) - {""}))
        raise DataError(
            f"metric: undefined on {lost:,} of {RESAMPLES:,} resamples of the {count:,} rows, "
            f"which have no {what}; {most} may be; give more rows of the rare kind"
        )
    return [rows for rows, what in zip(drawn, lacking, strict=True) if what == ""]


def _rows(count: int) -> Sequence[np.ndarray]:
    return list(np.random.default_rng(SEED).integers(0, count, (RESAMPLES, count)))


def _rows_of_groups(groups: np.ndarray) -> Sequence[np.ndarray]:
    """Draw as many groups as there are, each with all of its rows."""
    order = np.argsort(groups, kind="stable")
    members = np.split(order, np.flatnonzero(np.diff(groups[order])) + 1)
    chosen = np.random.default_rng(SEED).integers(0, len(members), (RESAMPLES, len(members)))
    return [np.concatenate([members[group] for group in one]) for one in chosen]


def _map(replicate: Callable[[int], list[float]], count: int, workers: int) -> Iterator[list[float]]:
    """Call ``replicate`` for every resample, in order; forked workers where the system forks safely."""
    if workers < 2 or sys.platform != "linux":
        yield from map(replicate, range(count))
        return
    global _replicate
    _replicate = replicate
    context = multiprocessing.get_context("fork")
    try:
        with ProcessPoolExecutor(workers, context, end_with_parent, (os.getpid(),)) as pool:
            yield from pool.map(_in_worker, range(count), chunksize=8)
    except BrokenProcessPool as error:
        raise KilledError("metric: a process was killed: out of memory?; run again to go on") from error
    finally:
        _replicate = None


def _in_worker(index: int) -> list[float]:
    if _replicate is None:
        raise TypeError("a worker was started without its work")
    return _replicate(index)


def _take(arrays: Arrays, rows: np.ndarray) -> Arrays:
    return {name: array[rows] for name, array in arrays.items()}
