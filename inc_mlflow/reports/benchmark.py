"""The speed of two models, and the machine that it was measured on, on the terminal."""

from collections.abc import Sequence
from typing import Any

from inc_mlflow.formatting import percent, size, times
from inc_mlflow.measure.timing.repeatability import CPU_TIME_REPEATABILITY, repeatability
from inc_mlflow.reports.table import WIDTH

_SHOWN = ("baseline", "candidate")


def print_benchmark(result: dict[str, Any]) -> None:
    """Print the ratio with its interval and a row per model, or why there are no numbers."""
    from rich.console import Console

    console = Console(soft_wrap=True)
    console.width = max(console.width, WIDTH)
    if not result["valid"]:
        console.print(
            f"[bold yellow]invalid[/]: {result['layout']}, {result['clock']}; no number can be given"
        )
        for reason in result["reasons"]:
            console.print(f"  {reason}", markup=False, highlight=False)
        return
    ratio = result["speedup"]
    interval = f"[{times(ratio['low'])}, {times(ratio['high'])}]"
    console.print(
        f"{times(ratio['value'])} as fast {interval}: {result['layout']}, {result['clock']}", markup=False
    )
    console.print(_table(result))
    if rounds := result["conditions"]["rounds"]:
        console.print(
            f"{rounds['clean']} rounds count, {rounds['dropped']} were disturbed and dropped", highlight=False
        )
    if note := busy_cache_note(result["conditions"].get("neighbours")):
        console.print(note, highlight=False)


def busy_cache_note(neighbours: Sequence[float | None] | None) -> str | None:
    """Say that the bounds are wider because others took cache and memory bandwidth; None where they did not.

    ``neighbours`` are the shares that others used of the CPUs that share a cache, one per generation.
    """
    if neighbours is None or repeatability(neighbours) == CPU_TIME_REPEATABILITY:
        return None
    known = [share for share in neighbours if share is not None]
    share = "an unknown share"
    if len(known) == len(neighbours):
        share = percent(round(sum(known) / len(known), 2))
    return f"others used {share} of the CPUs that share a cache with the models: the bounds are wider for it"


def print_probe(found: dict[str, Any]) -> None:
    """Print what this host is, and where a layout would run on it."""
    from rich.console import Console

    console, host = Console(soft_wrap=True, highlight=False), found["host"]
    for name, value in (
        ("CPU", host["cpu"]),
        ("instructions", ", ".join(host["isa"])),
        ("CPUs to use", host["cores"]),
        ("instance type", host["instance_type"] or "not told by the machine"),
        ("pools", ", ".join(["local", *found["pools"]])),
        ("versions", ", ".join(f"{package} {number}" for package, number in host["runtime"].items())),
        ("plan", found["text"]),
    ):
        console.print(f"{name + ':':<15}{value}", markup=False)


def _table(result: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("model", "samples/s", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "memory", "size"):
        table.add_column(name, justify="left" if name == "model" else "right")
    for label in _SHOWN:
        speed = result[label]
        latencies = (f"{speed[name]:.3g}" for name in ("p50_ms", "p90_ms", "p99_ms", "p99_9_ms"))
        table.add_row(
            label,
            f"{speed['samples_per_second']:,.0f}",
            *latencies,
            size(speed["peak_rss_bytes"]),
            size(speed["size_bytes"]),
        )
    return table
