"""The table of one job: every model with its numbers, on the worst pool and on each."""

from collections.abc import Iterator

from inc_mlflow.formatting import percent, size, times
from inc_mlflow.records import Row
from inc_mlflow.reports.page.grid import Cell, ExactNumber, Grid, Judged, estimate
from inc_mlflow.reports.page.reported import ReportedJob, by_metric


def score(value: float) -> str:
    """0.998 -> "0.9980": a metric's value."""
    return f"{value:.4f}"


def candidates_grid(job: ReportedJob) -> Grid:
    """Return all rows of the result in its order, those of rejected recipes at the end."""
    metrics = job.judged.all_metrics
    word = job.candidate_word
    columns = [text for one in metrics for text in (f"{word} {one.name}", f"FP32 {one.name}", one.loss)]
    ratios = ("speed-up", *(("vs own engine",) if _has_own(job) else ()), "vs source")
    headers = ("recipe", "engine", *columns, *ratios, "size", "verdict")
    rows = [tuple(_cells(job, row)) for row in job.judged.table]
    empty = [None] * (len(columns) + len(ratios) + 1)
    rows += [(one.label, one.engine, *empty, Judged("fail")) for one in job.judged.rejected]
    pools = "" if len(job.pools) < 2 else ", by the worst of the pools that count"
    return Grid(f"Models{pools}: speed-up against the fastest FP32 baseline", headers, tuple(rows))


def _has_own(job: ReportedJob) -> bool:
    """Tell whether candidates were compared with their own engine's baseline too."""
    return any(row.engine_speedup for row in job.judged.table)


def _cells(job: ReportedJob, row: Row) -> Iterator[Cell]:
    yield from (row.recipe, row.engine)
    for metric in job.judged.all_metrics:
        own, reference = by_metric(row, metric), by_metric(job.baseline, metric)
        yield None if row.verdict is None else estimate(own.accuracy, score)
        yield estimate(own.accuracy if row.verdict is None else reference.accuracy, score)
        yield estimate(own.relative_drop, percent)
    yield estimate(row.speedup, times)
    if _has_own(job):
        yield estimate(row.engine_speedup, times)
    yield estimate(row.source_speedup, times)
    yield ExactNumber(row.size_bytes, size(row.size_bytes))
    yield None if row.verdict is None else Judged(row.verdict)


def pools_grids(job: ReportedJob) -> list[Grid]:
    """Return a table for each pool, where there are several."""
    if len(job.pools) < 2:
        return []
    metrics = job.judged.all_metrics
    columns = [text for one in metrics for text in (one.name, one.loss)]
    headers = ("recipe", *columns, "speed-up", "verdict")
    return [Grid(f"On the pool {pool}", headers, tuple(_on(job, pool))) for pool in job.pools]


def _on(job: ReportedJob, pool: str) -> Iterator[tuple[Cell, ...]]:
    for row in job.judged.table:
        found = row.per_pool[pool]
        results = [found.metrics.get(metric.name, found) for metric in job.judged.all_metrics]
        numbers = [
            cell
            for one in results
            for cell in (estimate(one.accuracy, score), estimate(one.relative_drop, percent))
        ]
        verdict = None if row.verdict is None else Judged(found.verdict)
        yield row.recipe, *numbers, estimate(found.speedup, times), verdict


def reasons_grid(job: ReportedJob) -> Grid:
    """Return why each recipe has its verdict."""
    rows: list[tuple[Cell, ...]] = [
        (row.recipe, Judged(row.verdict), row.reasons) for row in job.judged.table if row.verdict
    ]
    rows += [(one.label, Judged("fail"), one.reason) for one in job.judged.rejected]
    return Grid("Reasons of the verdicts", ("recipe", "verdict", "reasons"), tuple(rows))
