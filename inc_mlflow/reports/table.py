"""The table at the end of a run, on the terminal."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from inc_mlflow.errors import one_line
from inc_mlflow.formatting import percent, size, times
from inc_mlflow.records import MetricFacts, Slow
from inc_mlflow.reports.slow import print_slow

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 110
"""Columns that the table needs; a pipe or a log has no width of its own, and rich would take 80."""
POOL_WIDTH = 12
COLOURS = {"pass": "green", "fail": "red", "inconclusive": "yellow"}


def print_result(result: dict[str, Any], slow: Mapping[str, Slow]) -> None:
    """Print the judgement, why others are slow, and where to look next, on standard output."""
    console = print_judgement(result)
    for label, why in slow.items():
        print_slow(console, label, why)
    console.print(_outcome(result), markup=False)
    if result["tracking"]:
        console.print(_links(result["tracking"]), highlight=False, markup=False)


def print_judgement(result: dict[str, Any]) -> "Console":
    """Print the table and the verdict with its reasons; return the console, which is wide enough for more."""
    from rich.console import Console
    from rich.markup import escape

    console = Console(soft_wrap=True)
    console.width = max(console.width, WIDTH + POOL_WIDTH * len(_pools(result["table"])))
    console.print(_table(result["table"], metric_of(result)))
    colour = COLOURS[result["verdict"]]
    console.print(f"[bold {colour}]{result['verdict']}[/]: {escape(one_line(result['best']['recipe']))}")
    for reason in result["reasons"]:
        console.print(f"  {escape(one_line(reason))}")
    for reason in _rejections(result):
        console.print(f"[red]rejected[/]: {escape(one_line(reason))}")
    return console


def _rejections(result: dict[str, Any]) -> list[str]:
    """Return why recipes have no model, each reason once and without those of the verdict."""
    reasons = dict.fromkeys(row["reasons"][0] for row in result["table"] if _is_rejected(row))
    return [reason for reason in reasons if reason not in result["reasons"]]


def _is_rejected(row: dict[str, Any]) -> bool:
    return row["size_bytes"] is None


def metric_of(result: dict[str, Any]) -> MetricFacts:
    """Return the metric that a result names."""
    return MetricFacts.model_validate(result["metric"])


def _table(rows: list[dict[str, Any]], metric: MetricFacts) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("recipe", metric.name, metric.loss, "speed-up", "vs source", "size", "verdict"):
        table.add_column(escape(one_line(name)), overflow="fold", no_wrap=name != "recipe")
    for name in _pools(rows):
        table.add_column(f"{metric.loss} on {escape(name)}", overflow="fold")
    for row in rows:
        table.add_row(*_cells(row), *_drops(row, _pools(rows)))
    return table


def _pools(rows: list[dict[str, Any]]) -> list[str]:
    """Return the pools with a column of their own: all but the first. Other columns show the worst pool."""
    return list(rows[0]["per_pool"])[1:]


def _drops(row: dict[str, Any], pools: list[str]) -> list[str]:
    drops = [row["per_pool"][name]["relative_drop"] if row["per_pool"] else None for name in pools]
    return [percent(drop["value"]).replace(" ", "\u00a0") if drop else "-" for drop in drops]


def _cells(row: dict[str, Any]) -> list[str]:
    from rich.markup import escape

    verdict = row["verdict"]
    accuracy = row["accuracy"]
    return [
        escape(one_line(row["recipe"])),
        f"{accuracy['value']:.4f}" if accuracy else "-" if _is_rejected(row) else "no number",
        interval(row["relative_drop"], percent),
        interval(row["speedup"], times),
        times(row["source_speedup"]["value"]) if row["source_speedup"] else "-",
        "-" if _is_rejected(row) else size(row["size_bytes"]),
        f"[{COLOURS[verdict]}]{verdict}[/]" if verdict else "",
    ]


def interval(given: dict[str, float] | None, show: Callable[[float], str]) -> str:
    """Write an estimate with its bounds, as "1.62x [1.61, 1.64]": the unit once, and no line break inside."""
    if given is None:
        return "-"
    value = show(given["value"])
    if given["low"] == given["high"]:
        return value
    low, high = (show(given[end]).rstrip(" %x") for end in ("low", "high"))
    return f"{value}\u00a0[{low},\u00a0{high}]".replace(" %", "\u00a0%")


def _outcome(result: dict[str, Any]) -> str:
    champion = result["champion"]
    if champion is None:
        return (
            "Nothing was promoted: keep FP32, or the present champion."
            if result["verdict"] == "fail"
            else "Nothing was promoted."
        )
    aliases = ", ".join(champion["aliases"])
    version = f"{champion['registered_model']} version {champion['version']}"
    named = f"Champion: {version}, alias {aliases}\nFile: {champion['path']}"
    advisory = [one["what"] for one in champion["protections"] if one["holds"] == "advisory"]
    return (
        f"{named}\nNot independently verified: {', '.join(advisory)} (docs/threats.md)" if advisory else named
    )


def _links(tracking: dict[str, str]) -> str:
    labels = {"MLflow": "experiment_url", "leaderboard": "leaderboard_url", "trade-off": "tradeoff_url"}
    return "\n".join(f"{label}: {tracking[name]}" for label, name in labels.items())
