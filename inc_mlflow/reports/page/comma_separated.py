"""The rows of all jobs as CSV, with all digits: one line for each job, recipe, pool and metric."""

import csv
from collections.abc import Iterator
from io import StringIO
from typing import Any

from inc_mlflow.records import Interval, MetricFacts, MetricResult, PoolResult, Row
from inc_mlflow.reports.page.reported import ReportedJob

ALL_POOLS = "all"
"""Stands for the worst of the pools that count."""
_NUMBERS = ("accuracy", "fp32_accuracy", "relative_drop", "speedup", "source_speedup", "engine_speedup")
_ENDS = ("value", "low", "high")
_HEADER = (
    *("job", "recipe", "engine", "pool", "metric"),
    *(name if end == "value" else f"{name}_{end}" for name in _NUMBERS for end in _ENDS),
    *("size_bytes", "verdict", "reasons", "sha256"),
)
_FORMULA = ("=", "+", "-", "@")


def as_csv(jobs: list[ReportedJob]) -> str:
    """Return the lines; what nobody measured is empty."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADER)
    for job in jobs:
        writer.writerows([_safe(cell) for cell in line] for line in _lines(job))
    return text.getvalue()


def _lines(job: ReportedJob) -> Iterator[list[Any]]:
    for metric in job.judged.all_metrics:
        for row in job.judged.table:
            yield _line(job, row, metric, ALL_POOLS, row)
            for pool, found in row.per_pool.items():
                yield _line(job, row, metric, pool, found)
    empty = [""] * (len(_NUMBERS) * len(_ENDS) + 1)
    for one in job.judged.rejected:
        names = [job.spec.name, one.label, one.engine, ALL_POOLS, job.judged.metric.name]
        yield [*names, *empty, "fail", one.reason, ""]


def _line(job: ReportedJob, row: Row, metric: MetricFacts, pool: str, found: Row | PoolResult) -> list[Any]:
    whole = pool == ALL_POOLS
    own, reference = _of(found, metric), _of(job.baseline if whole else job.baseline.per_pool[pool], metric)
    ratios = [found.speedup, *((row.source_speedup, row.engine_speedup) if whole else (None, None))]
    intervals = [own.accuracy, reference.accuracy, own.relative_drop, *ratios]
    numbers = [end for one in intervals for end in _ends(one)]
    verdict = "" if row.verdict is None else found.verdict
    names = [job.spec.name, row.recipe, row.engine, pool, metric.name]
    return [*names, *numbers, row.size_bytes, verdict, "; ".join(row.reasons) if whole else "", row.sha256]


def _of(found: Row | PoolResult, metric: MetricFacts) -> Row | PoolResult | MetricResult:
    return found.metrics.get(metric.name, found)


def _ends(given: Interval | None) -> list[float | str]:
    return ["", "", ""] if given is None else [given.value, given.low, given.high]


def _safe(cell: Any) -> Any:
    """Return text so that no program for tables takes it for a formula."""
    return f"'{cell}" if isinstance(cell, str) and cell.startswith(_FORMULA) else cell
