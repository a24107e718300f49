"""Metrics of a model in MLflow: the same names on every run, of one pool or of the whole row."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from inc_mlflow.measure.gate.order import standings
from inc_mlflow.records import Interval, Row, Speed, Verdict

if TYPE_CHECKING:
    from inc_mlflow.measure.gate.evidence import Measured

_OURS = re.compile(
    r"(accuracy|relative_drop|speedup|source_speedup)(_low|_high)?|p\d+_ms|samples_per_second|\w+_mb|standing"
)
"""Names of other numbers, which a job's metric must not replace."""
_RANK: dict[Verdict, float] = {"pass": 2000.0, "inconclusive": 1000.0, "fail": 0.0}


def pool_metrics(
    row: Row, pool: str, measured: "Measured", standing: float | None = None
) -> dict[str, float]:
    """Return the metrics of a model on one pool; an emulated one has no speed, a baseline no ``standing``."""
    result, benchmark = row.per_pool[pool], measured.benchmark
    intervals = {
        "accuracy": result.accuracy,
        "relative_drop": result.relative_drop,
        "speedup": result.speedup,
        "source_speedup": benchmark.source_speedup.get(row.recipe) if benchmark else None,
    }
    speed = benchmark.models.get(row.recipe) if benchmark else None
    return _metrics(intervals, row, speed, measured.evaluation.metric) | _sort_key(standing)


def row_metrics(row: Row, slowest: "Measured", standing: float | None = None) -> dict[str, float]:
    """Return the metrics of a table row; latencies and memory are of the pool whose speed-up it shows."""
    intervals = {
        "accuracy": row.accuracy,
        "relative_drop": row.relative_drop,
        "speedup": row.speedup,
        "source_speedup": row.source_speedup,
    }
    speed = slowest.benchmark.models.get(row.recipe) if slowest.benchmark else None
    return _metrics(intervals, row, speed, slowest.evaluation.metric) | _sort_key(standing)


def standing_metrics(rows: Sequence[Row]) -> dict[str, float]:
    """Return digest -> key that MLflow sorts by, of candidates in the table's order.

    What passes comes first, then what stands further up.
    """
    within = standings(rows)
    return {row.sha256: _RANK[row.verdict] + within[row.sha256] for row in rows if row.verdict is not None}


def own_name(metric: str) -> str:
    """Return the MLflow metric that shows a job's metric under its own name, beside ``accuracy``.

    That is ``accuracy`` where another number has the name, or MLflow refuses it.
    """
    free = re.fullmatch(r"[\w. -]{1,100}", metric, re.ASCII) and not _OURS.fullmatch(metric)
    return metric if free else "accuracy"


def _metrics(
    intervals: Mapping[str, Interval | None], row: Row, speed: Speed | None, metric: str
) -> dict[str, float]:
    known = {name: interval for name, interval in intervals.items() if interval is not None}
    values = {name: interval.value for name, interval in known.items()}
    values |= {own_name(metric): known["accuracy"].value} if "accuracy" in known else {}
    values |= {
        f"{name}_{end}": getattr(interval, end) for name, interval in known.items() for end in ("low", "high")
    }
    return values | _speed(speed) | {"size_mb": row.size_bytes / 1e6}


def _speed(speed: Speed | None) -> dict[str, float]:
    if speed is None:
        return {}
    percentiles = {name: getattr(speed, name) for name in ("p50_ms", "p90_ms", "p99_ms")}
    return percentiles | {
        "samples_per_second": speed.samples_per_second,
        "peak_rss_mb": speed.peak_rss_bytes / 1e6,
    }


def _sort_key(standing: float | None) -> dict[str, float]:
    return {} if standing is None else {"standing": standing}
