"""The order of the table: which of several candidates is the best, also of two from different runs."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from operator import not_

import numpy as np

from inc_mlflow.measure.gate.criteria import verdict_order
from inc_mlflow.records import Row
from inc_mlflow.records.ledger import Rank

SLOWEST = -np.inf
_ALIKE = 1.05
"""Files up to so many times as large count as equally large: scales per channel cost a few kB."""
_STEP = 1e-6
"""Difference of the standings of two rows whose speeds are not shown to differ."""


@dataclass(frozen=True)
class _Place:
    """What decides a place; ``number`` is that among those to be ordered."""

    number: int
    verdict: int
    low: float
    high: float
    worse: float
    """The metric, turned so that less is better."""
    size_bytes: int
    digest: str

    def key(self) -> tuple[int, float, float, int, str]:
        """Return what orders places whose speeds and sizes count as equal."""
        return self.verdict, -self.low, self.worse, self.size_bytes, self.digest


def in_order(rows: Iterable[Row], higher_is_better: bool) -> list[Row]:
    """Return rows best first: by verdict, speed, size, accuracy, and digest, so that the order is total.

    Speeds whose intervals overlap are not shown to differ, and overlapping is not transitive: the row with
    the largest lower end and all that overlap it come first, then the same of the rest. Among those, the
    smallest and all files of nearly its size come first; among those, the larger lower end, then the better
    metric.
    """
    given = list(rows)
    places = [_of_row(number, row, higher_is_better) for number, row in enumerate(given)]
    return [given[place.number] for place in _ordered(places)]


def outranks(one: Rank, other: Rank) -> bool:
    """Tell whether ``one`` comes first in a table of these two; conditions are not compared.

    Equal ranks do not outrank each other. As overlapping is not transitive, neither is this.
    """
    first, second = _of_rank(0, one), _of_rank(1, other)
    return first.key() != second.key() and _ordered([first, second])[0] is first


def standings(rows: Sequence[Row]) -> dict[str, float]:
    """Return digest -> number that sorts rows as they stand: that of a later row of its verdict is smaller.

    It is near the lower end of the speed-up: the largest one of this row and those after it.
    """
    found: dict[str, float] = {}
    for number, row in enumerate(reversed(rows)):
        later = [one for one in rows[len(rows) - 1 - number :] if one.verdict == row.verdict]
        lows = [one.speedup.low for one in later if one.speedup is not None]
        found[row.sha256] = max(lows, default=0.0) + number * _STEP
    return found


def _ordered(places: Iterable[_Place]) -> list[_Place]:
    by_speed = sorted(places, key=_Place.key)
    return [one for fast in _split(by_speed, _fastest) for small in _split(fast, _smallest) for one in small]


def _split(
    places: list[_Place], first: Callable[[list[_Place]], Callable[[_Place], bool]]
) -> Iterator[list[_Place]]:
    """Yield the places that come first, then those of the rest, each in the order that they had.

    Raises ValueError where none comes first: bounds the wrong way round compare with nothing.
    """
    while places:
        chosen = list(map(first(places), places))
        if not any(chosen):
            raise ValueError(f"no row comes first: {places[0]} is not itself within its bounds")
        yield list(compress(places, chosen))
        places = list(compress(places, map(not_, chosen)))


def _fastest(places: list[_Place]) -> Callable[[_Place], bool]:
    """Choose what has the verdict of the first, and is not shown to be slower."""
    first = places[0]
    return lambda one: one.verdict == first.verdict and one.high >= first.low


def _smallest(places: list[_Place]) -> Callable[[_Place], bool]:
    largest = _ALIKE * min(one.size_bytes for one in places)
    return lambda one: one.size_bytes <= largest


def _of_row(number: int, row: Row, higher_is_better: bool) -> _Place:
    low, high = (row.speedup.low, row.speedup.high) if row.speedup else (SLOWEST, SLOWEST)
    accuracy = row.accuracy.value if row.accuracy else (-np.inf if higher_is_better else np.inf)
    worse = -accuracy if higher_is_better else accuracy
    return _Place(number, verdict_order(row.verdict), low, high, worse, row.size_bytes, row.sha256)


def _of_rank(number: int, rank: Rank) -> _Place:
    high = rank.speedup if rank.speedup_high is None else rank.speedup_high
    return _Place(number, 0, rank.speedup, high, -rank.accuracy, rank.size_bytes, "")
