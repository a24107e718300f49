"""Throughput, latency and memory of the models, and why some are slow."""

from collections.abc import Iterator

from inc_mlflow.formatting import size
from inc_mlflow.records import BenchmarkRecord, Slow, Speed
from inc_mlflow.reports.page.grid import Cell, ExactNumber, Grid
from inc_mlflow.reports.page.reported import ReportedJob
from inc_mlflow.reports.slow import HEADERS, slow_rows

_LATENCIES = ("p50_ms", "p90_ms", "p99_ms", "p99_9_ms")


def speed_grids(job: ReportedJob) -> list[Grid]:
    """Return a table for each pool with valid times, and one for each candidate that is not faster."""
    return [
        grid
        for benchmark in job.benchmarks
        for grid in (_speeds(benchmark), *_slow_grids(benchmark))
        if grid.rows
    ]


def throughput(speed: Speed | None) -> Cell:
    """Return the cell of a model's samples a second."""
    if speed is None:
        return None
    return ExactNumber(speed.samples_per_second, f"{float(f'{speed.samples_per_second:.4g}'):,.9g}")


def _speeds(benchmark: BenchmarkRecord) -> Grid:
    headers = ("model", "samples/s", "p50 ms", "p90 ms", "p99 ms", "p99.9 ms", "peak memory")
    rows = tuple((label, *_cells(speed)) for label, speed in benchmark.models.items())
    where = f"layout {benchmark.layout}, {benchmark.clock}, {benchmark.evidence.host.cpu}"
    return Grid(f"Speed on the pool {benchmark.evidence.pool}: {where}", headers, rows)


def _cells(speed: Speed) -> Iterator[Cell]:
    yield throughput(speed)
    for value in (getattr(speed, name) for name in _LATENCIES):
        yield ExactNumber(value, f"{value:.3g}")
    yield ExactNumber(speed.peak_rss_bytes, size(speed.peak_rss_bytes))


def _slow_grids(benchmark: BenchmarkRecord) -> Iterator[Grid]:
    for label, slow in benchmark.slow.items():
        yield Grid(_caption(label, slow), HEADERS, tuple(slow_rows(slow)) if slow.causes else ())


def _caption(label: str, slow: Slow) -> str:
    return f"Why {label} is not faster: {slow.summary}"
