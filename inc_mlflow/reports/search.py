"""What a search tried, on the terminal."""

from collections.abc import Sequence
from typing import Any

from inc_mlflow.errors import one_line
from inc_mlflow.formatting import percent, times
from inc_mlflow.records import MetricFacts
from inc_mlflow.reports.table import METRIC_WIDTH, WIDTH, metric_columns, metrics_of


def print_search(found: dict[str, Any]) -> None:
    """Print all trials in their order, and which of them the gate would get."""
    from rich.console import Console

    console = Console(soft_wrap=True)
    metrics = [one for one in metrics_of(found) if not one.informative]
    console.width = max(console.width, WIDTH + METRIC_WIDTH * len(metrics[1:]))
    chosen = [row["recipe"] for row in found["candidates"]]
    console.print(_table(found["trials"], chosen, metrics))
    ending = "; candidates:" if chosen else ""
    console.print(f"{len(found['trials'])} trials, {found['cpu_seconds']:.0f} s of CPU time{ending}")
    for row in found["candidates"]:
        console.print(f"  {row['path']}  {row['label']}", markup=False, highlight=False)
    if found["picture"]:
        console.print(f"Picture: {found['picture']}", markup=False, highlight=False)
    for note in filter(None, (found["ended"], found["planned"], found["trained"])):
        console.print(f"{note[0].upper()}{note[1:]}", markup=False, highlight=False)
    if found["plan"]:
        console.print(f"Ahead: {found['plan']}", markup=False, highlight=False)
    if not chosen:
        reason = f"No recipe gives an INT8 model, keep FP32: {found['rejected']}"
        console.print(reason, markup=False, highlight=False)
    elif keeps_baseline(found):
        console.print("Nothing is both good and faster: keep FP32. What is listed is the least bad.")


def keeps_baseline(found: dict[str, Any]) -> bool:
    """Tell whether no candidate of a search is both good and faster."""
    return all(row["rejected"] for row in found["candidates"])


def _table(trials: list[dict[str, Any]], chosen: list[dict[str, Any]], metrics: Sequence[MetricFacts]) -> Any:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("recipe", "speed-up", *metric_columns(metrics), "distance", "outcome"):
        table.add_column(escape(one_line(name)), overflow="fold", no_wrap=name not in {"recipe", "outcome"})
    for trial in trials:
        table.add_row(escape(trial["label"]), *_numbers(trial, metrics), _outcome(trial, chosen))
    return table


def _outcome(trial: dict[str, Any], chosen: list[dict[str, Any]]) -> str:
    from rich.markup import escape

    if trial["rejected"]:
        return escape(trial["rejected"])
    return "[green]candidate[/]" if trial["recipe"] in chosen else "beaten by a candidate"


def _numbers(trial: dict[str, Any], metrics: Sequence[MetricFacts]) -> list[str]:
    speed, error = trial["speedup"], trial["output_error"]
    further = trial.get("further", {})
    results = [trial, *(further.get(metric.name, {}) for metric in metrics[1:])]
    return [
        times(speed["value"]) if speed else "",
        *(cell for one in results for cell in _scored(one)),
        percent(error) if error is not None else "",
    ]


def _scored(result: dict[str, Any]) -> tuple[str, str]:
    accuracy, drop = result.get("accuracy"), result.get("relative_drop")
    return f"{accuracy:.4f}" if accuracy is not None else "", percent(drop["value"]) if drop else ""
