"""The table at the end of a run, on the terminal."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inc_mlflow.errors import one_line
from inc_mlflow.formatting import on_engine, percent, size, times
from inc_mlflow.records import MetricFacts, Slow
from inc_mlflow.reports.slow import print_slow

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 110
"""Columns that the table needs; a pipe or a log has no width of its own, and rich would take 80."""
POOL_WIDTH, METRIC_WIDTH, OWN_WIDTH = 12, 30, 22
"""Further columns that each pool after the first, each metric after the first, and a second ratio need."""
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
    metrics, pools = metrics_of(result), _pools(result["table"])
    wide = WIDTH + POOL_WIDTH * len(pools) + METRIC_WIDTH * len(metrics[1:])
    wide += OWN_WIDTH * _has_own(result["table"])
    console.width = max(console.width, wide)
    console.print(_table(result["table"], metrics))
    colour = COLOURS[result["verdict"]]
    best, engines = result["best"], {row["engine"] for row in result["table"]}
    named = on_engine(best["recipe"], best["engine"], engines)
    console.print(f"[bold {colour}]{result['verdict']}[/]: {escape(one_line(named))}")
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


def metrics_of(result: dict[str, Any]) -> list[MetricFacts]:
    """Return the metrics that a result names, the one that orders the rows first."""
    return [MetricFacts.model_validate(one) for one in result["metrics"]]


def metric_columns(metrics: Sequence[MetricFacts]) -> list[str]:
    """Return the headers of the columns that ``metric_cells`` fills."""
    return [header for metric in metrics for header in (metric.name, metric.loss)]


def metric_cells(row: dict[str, Any], metrics: Sequence[MetricFacts], missing: str) -> list[str]:
    """Return a row's value and loss by each metric; ``missing`` stands where there is no value."""
    results = [row, *(row.get("metrics", {}).get(metric.name, {}) for metric in metrics[1:])]
    return [cell for one in results for cell in _metric_cells(one, missing)]


def _metric_cells(result: dict[str, Any], missing: str) -> tuple[str, str]:
    accuracy = result.get("accuracy")
    value = f"{accuracy['value']:.4f}" if accuracy else missing
    return value, interval(result.get("relative_drop"), percent)


def _table(rows: list[dict[str, Any]], metrics: Sequence[MetricFacts]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    own = ["vs own engine"] if _has_own(rows) else []
    for name in ("recipe", *metric_columns(metrics), "speed-up", *own, "vs source", "size", "verdict"):
        table.add_column(escape(one_line(name)), overflow="fold", no_wrap=name != "recipe")
    for name in _pools(rows):
        table.add_column(f"{metrics[0].loss} on {escape(name)}", overflow="fold")
    for row in rows:
        table.add_row(*_cells(row, metrics, _has_own(rows)), *_drops(row, _pools(rows)))
    return table


def _has_own(rows: list[dict[str, Any]]) -> bool:
    """Tell whether candidates were compared with their own engine's baseline too."""
    return any("engine_speedup" in row for row in rows)


def _pools(rows: list[dict[str, Any]]) -> list[str]:
    """Return the pools with a column of their own: all but the first. Other columns show the worst pool."""
    return list(rows[0]["per_pool"])[1:]


def _drops(row: dict[str, Any], pools: list[str]) -> list[str]:
    drops = [row["per_pool"][name]["relative_drop"] if row["per_pool"] else None for name in pools]
    return [percent(drop["value"]).replace(" ", "\u00a0") if drop else "-" for drop in drops]


def _cells(row: dict[str, Any], metrics: Sequence[MetricFacts], own: bool) -> list[str]:
    from rich.markup import escape

    verdict = row["verdict"]
    return [
        escape(one_line(row["recipe"])),
        *metric_cells(row, metrics, "-" if _is_rejected(row) else "no number"),
        interval(row["speedup"], times),
        *([interval(row.get("engine_speedup"), times)] if own else []),
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
