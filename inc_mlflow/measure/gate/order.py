"""The order of the table: which of several candidates is the best."""

from collections.abc import Callable, Iterable, Iterator
from itertools import compress
from operator import not_

import numpy as np

from inc_mlflow.measure.gate.criteria import verdict_order
from inc_mlflow.records import Row

SLOWEST = -np.inf
_ALIKE = 1.05
"""Files up to so many times as large count as equally large: scales per channel cost a few kB."""


def in_order(rows: Iterable[Row], higher_is_better: bool) -> list[Row]:
    """Return rows best first: by verdict, speed, size, accuracy, and digest, so that the order is total.

    Speeds whose intervals overlap are not shown to differ, and overlapping is not transitive: the row with
    the largest lower end and all that overlap it come first, then the same of the rest. Among those, the
    smallest and all files of nearly its size come first; among those, the larger lower end, then the better
    metric.
    """
    by_speed = sorted(rows, key=lambda row: _key(row, higher_is_better))
    return [row for fast in _split(by_speed, _fastest) for small in _split(fast, _smallest) for row in small]


def _split(rows: list[Row], first: Callable[[list[Row]], Callable[[Row], bool]]) -> Iterator[list[Row]]:
    """Yield the rows that come first, then those of the rest, each in the order that they had."""
    while rows:
        chosen = list(map(first(rows), rows))
        yield list(compress(rows, chosen))
        rows = list(compress(rows, map(not_, chosen)))


def _fastest(rows: list[Row]) -> Callable[[Row], bool]:
    return lambda row: _as_fast(row, rows[0])


def _smallest(rows: list[Row]) -> Callable[[Row], bool]:
    largest = _ALIKE * min(row.size_bytes for row in rows)
    return lambda row: row.size_bytes <= largest


def _as_fast(row: Row, first: Row) -> bool:
    """Tell whether a row has the verdict of the first, and is not shown to be slower."""
    if row.verdict != first.verdict or first.speedup is None:
        return row.verdict == first.verdict
    return row.speedup is not None and row.speedup.high >= first.speedup.low


def _key(row: Row, higher_is_better: bool) -> tuple[int, float, float, int, str]:
    speed = row.speedup.low if row.speedup else SLOWEST
    accuracy = row.accuracy.value if row.accuracy else (-np.inf if higher_is_better else np.inf)
    worse = -accuracy if higher_is_better else accuracy
    return verdict_order(row.verdict), -speed, worse, row.size_bytes, row.sha256
