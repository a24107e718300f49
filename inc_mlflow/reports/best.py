"""The leaderboard, on the terminal."""

from collections.abc import Sequence
from typing import Any

from inc_mlflow.errors import one_line
from inc_mlflow.formatting import on_engine, size, times
from inc_mlflow.records import MetricFacts
from inc_mlflow.reports.table import (
    COLOURS,
    METRIC_WIDTH,
    WIDTH,
    interval,
    metric_cells,
    metric_columns,
    metrics_of,
)

_WIDTH = WIDTH + 12


def print_best(result: dict[str, Any]) -> None:
    """Print the rows, best first, and what to do next, on standard output."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(soft_wrap=True)
    metrics = metrics_of(result)
    console.width = max(console.width, _WIDTH + METRIC_WIDTH * len(metrics[1:]))
    table = Table(box=None, pad_edge=False, header_style="bold")
    shown = ["engine"] if len(result["engines"]) > 1 else []
    for name in ("recipe", *shown, *metric_columns(metrics), "speed-up", "p99", "size", "verdict", ""):
        table.add_column(escape(one_line(name)), overflow="fold", no_wrap=name != "recipe")
    for row in result["rows"]:
        recipe, *others = _cells(row, metrics)
        table.add_row(recipe, *(escape(one_line(row[name])) for name in shown), *others)
    console.print(table)
    for line in _after(result):
        console.print(one_line(line), markup=False, highlight=False)


def _cells(row: dict[str, Any], metrics: Sequence[MetricFacts]) -> list[str]:
    from rich.markup import escape

    verdict = row["verdict"]
    return [
        escape(one_line(row["recipe"])),
        *metric_cells(row, metrics, "no number"),
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
        named = on_engine(result["best"], result["best_engine"], result["engines"])
        lines.append(f"Promote {named}: {result['promote']}")
    return lines
