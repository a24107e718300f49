"""Why a candidate is not faster: on the terminal and as Markdown."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from inc_mlflow.records import Slow

if TYPE_CHECKING:
    from rich.console import Console

HEADERS = ("time", "in FP32", "spent in", "most of it for", "what helps")
REST = "other work: INT8 kernels that gain, and FP32 kernels as in the baseline"
SHOWN = 0.015
"""Least share of the time of a cause that the terminal shows; the Markdown has all."""
EXAMPLES = 3


def print_slow(console: "Console", label: str, slow: Slow) -> None:
    """Print the causes of one candidate as shares of its time, costliest first, each with what helps."""
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(HEADERS[:3]):
        table.add_column(name, justify="right" if number < 2 else "left", no_wrap=number < 2, overflow="fold")
    causes = [cause for cause in slow.causes if cause.share >= SHOWN]
    for cause in causes:
        table.add_row(
            _share(cause.share),
            _share(cause.fp32_share),
            f"{escape(cause.what)}\n[dim]try: {escape(cause.hint)}[/]",
        )
    table.add_row(_share(1 - sum(cause.share for cause in causes)), "", REST)
    console.print(f"Why [bold]{escape(label)}[/] is not faster:")
    console.print(table if slow.causes else f"  {escape(slow.summary)}")


def slow_markdown(label: str, slow: Slow) -> str:
    """Return the causes as a Markdown document with one table."""
    lines = [f"# Why {label} is not faster", "", slow.summary, ""]
    if slow.causes:
        lines += [_line(HEADERS), _line("---" for _ in HEADERS), *(_line(row) for row in slow_rows(slow)), ""]
    return "\n".join(lines)


def slow_rows(slow: Slow) -> Iterator[tuple[str, ...]]:
    """Yield the cells below ``HEADERS`` of every cause, and last of the rest."""
    for cause in slow.causes:
        yield (
            _share(cause.share),
            _share(cause.fp32_share),
            cause.what,
            ", ".join(cause.nodes[:EXAMPLES]),
            cause.hint,
        )
    yield _share(1 - sum(cause.share for cause in slow.causes)), "", REST, "", ""


def _share(share: float) -> str:
    """Profiles are not exact enough for decimals."""
    return f"{share * 100:.0f} %"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
