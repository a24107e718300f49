"""The leaderboard, on the terminal."""

from typing import Any

from inc_mlflow.errors import one_line
from inc_mlflow.formatting import percent, size, times
from inc_mlflow.reports.table import COLOURS, WIDTH, interval, metric_of

_WIDTH = WIDTH + 12


def print_best(result: dict[str, Any]) -> None:
    """Print the rows, best first, and what to do next, on standard output."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(soft_wrap=True)
    console.width = max(console.width, _WIDTH)
    table = Table(box=None, pad_edge=False, header_style="bold")
    metric = metric_of(result)
    for name in ("recipe", metric.name, metric.loss, "speed-up", "p99", "size", "verdict", ""):
        table.add_column(escape(one_line(name)), overflow="fold", no_wrap=name != "recipe")
    for row in result["rows"]:
        table.add_row(*_cells(row))
    console.print(table)
    for line in _after(result):
        console.print(one_line(line), markup=False, highlight=False)


def _cells(row: dict[str, Any]) -> list[str]:
    from rich.markup import escape

    accuracy, verdict = row["accuracy"], row["verdict"]
    return [
        escape(one_line(row["recipe"])),
        f"{accuracy['value']:.4f}" if accuracy else "no number",
        interval(row["relative_drop"], percent),
        interval(row["speedup"], times),
        "-" if row["p99_ms"] is None else f"{row['p99_ms']:.3g}\u00a0ms",
        size(row["size_bytes"]),
        f"[{COLOURS[verdict]}]{verdict}[/]",
        "champion" if row["champion"] else "",
    ]


def _after(result: dict[str, Any]) -> list[str]:
    """Say where the numbers are from, and how to promote the best row where it passes and is not champion."""
    place = f" on {result['pool']}" if result["pool"] else ""
    lines = [f"Measured{place} by run {result['run_id']} of experiment {result['experiment']}"]
    if result["champion_problem"]:
        lines.append(f"Champion unknown: {result['champion_problem']}")
    if result["promote"]:
        lines.append(f"Promote {result['best']}: {result['promote']}")
    return lines
