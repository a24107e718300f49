"""A table before it is HTML or Markdown: both show the same cells."""

from collections.abc import Callable
from dataclasses import dataclass

from inc_mlflow.errors import one_line
from inc_mlflow.records import Interval, Verdict
from inc_mlflow.reports.table import interval

NOTHING = "-"


@dataclass(frozen=True)
class ExactNumber:
    """A number with all its digits, and as people read it."""

    value: float
    text: str


@dataclass(frozen=True)
class Estimate:
    """A number with its bounds, and how each of the three is written."""

    interval: Interval
    show: Callable[[float], str]


@dataclass(frozen=True)
class Judged:
    """A verdict, which has a colour beside its word."""

    verdict: Verdict


Cell = str | tuple[str, ...] | ExactNumber | Estimate | Judged | None
"""Several texts stand one below the other; None is what nobody measured."""


@dataclass(frozen=True)
class Grid:
    """A caption, headers, and rows whose first cell names the row.

    ``groups`` are headers above the headers: (name, number of columns), an empty name where there is none.
    """

    caption: str
    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    groups: tuple[tuple[str, int], ...] = ()


def estimate(given: Interval | None, show: Callable[[float], str]) -> Cell:
    """Return the cell of a number with bounds."""
    return None if given is None else Estimate(given, show)


def cell_text(cell: Cell) -> str:
    """Return a cell as plain text in one line."""
    match cell:
        case None:
            return NOTHING
        case Estimate():
            return interval(cell.interval.model_dump(), cell.show)
        case ExactNumber():
            return cell.text
        case Judged():
            return cell.verdict
        case tuple():
            return one_line("; ".join(cell))
    return one_line(cell)
