"""Numbers as text, the same in reasons, tables and notes."""

import html
import math
from collections.abc import Collection, Iterable

from inc_mlflow.errors import one_line


def percent(share: float) -> str:
    """0.0123 -> "1.23 %"."""
    text = f"{share * 100:.2f}".rstrip("0").rstrip(".")
    return f"{'0' if text == '-0' else text} %"


def points(amount: float) -> str:
    """0.01234 -> "0.0123": an amount in a metric's own unit."""
    return f"{amount:.3g}"


def times(ratio: float) -> str:
    """1.657 -> "1.66x"."""
    return f"{ratio:.2f}x"


def decimal(number: int) -> str:
    """17000 -> "17,000"."""
    return f"{number:,}"


def rounded_up(number: float) -> int:
    """16,432.1 -> 17,000: two digits, for estimates."""
    unit = int(10 ** max(0, math.floor(math.log10(max(number, 1))) - 1))
    return math.ceil(number / unit) * unit


def size(count: int) -> str:
    """397980 -> "398 kB"."""
    for unit, power in (("B", 0), ("kB", 3), ("MB", 6)):
        rounded = float(f"{count / 10**power:.3g}")
        if rounded < 1000:
            return f"{rounded:g} {unit}"
    gigabytes = count / 10**9
    return f"{gigabytes:.3g} GB" if gigabytes < 999.5 else f"{gigabytes:.0f} GB"


def markdown_text(text: str) -> str:
    """Return names and reasons of others in one line of Markdown, in which nothing is HTML or a link."""
    return html.escape(one_line(text), quote=False).replace("](", "]\\(")


def markdown_table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table in Markdown."""
    names = list(header)
    return "\n".join(map(_line, [names, ["---"] * len(names), *rows]))


def _line(cells: Iterable[str]) -> str:
    """Write a row of a Markdown table; a bar in a cell would end it."""
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def on_engine(recipe: str, engine: str, engines: Collection[str]) -> str:
    """Name a recipe with its engine, where a job has several and the recipe's own name does not say it."""
    return recipe if len(engines) < 2 or engine in recipe else f"{recipe} on {engine}"
