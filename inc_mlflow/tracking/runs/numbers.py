"""Metrics of a model in MLflow: the same names on every run, of one pool or of the whole row."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from inc_mlflow.records import Interval, Row, Speed, Verdict

if TYPE_CHECKING:
    from inc_mlflow.measure.gate.evidence import Measured

_RANK: dict[Verdict, float] = {"pass": 2000.0, "inconclusive": 1000.0, "fail": 0.0}


def pool_metrics(row: Row, pool: str, measured: "Measured") -> dict[str, float]:
    """Return the metrics of a model on one pool; an emulated one has no speed."""
    result, benchmark = row.per_pool[pool], measured.benchmark
    intervals = {
        "accuracy": result.accuracy,
        "relative_drop": result.relative_drop,
        "speedup": result.speedup,
        "source_speedup": benchmark.source_speedup.get(row.recipe) if benchmark else None,
    }
    return _metrics(intervals, row, benchmark.models.get(row.recipe) if benchmark else None)


def row_metrics(row: Row, slowest: "Measured") -> dict[str, float]:
    """Return the metrics of a table row; latencies and memory are of the pool whose speed-up it shows."""
    intervals = {
        "accuracy": row.accuracy,
        "relative_drop": row.relative_drop,
        "speedup": row.speedup,
        "source_speedup": row.source_speedup,
    }
    return _metrics(intervals, row, slowest.benchmark.models.get(row.recipe) if slowest.benchmark else None)


def _metrics(intervals: Mapping[str, Interval | None], row: Row, speed: Speed | None) -> dict[str, float]:
    known = {name: interval for name, interval in intervals.items() if interval is not None}
    values = {name: interval.value for name, interval in known.items()}
    values |= {
        f"{name}_{end}": getattr(interval, end) for name, interval in known.items() for end in ("low", "high")
    }
    return values | _speed(speed) | {"size_mb": row.size_bytes / 1e6} | _sort_key(row, intervals["speedup"])


def _speed(speed: Speed | None) -> dict[str, float]:
    if speed is None:
        return {}
    percentiles = {name: getattr(speed, name) for name in ("p50_ms", "p90_ms", "p99_ms")}
    return percentiles | {
        "samples_per_second": speed.samples_per_second,
        "peak_rss_mb": speed.peak_rss_bytes / 1e6,
    }


def _sort_key(row: Row, speedup: Interval | None) -> dict[str, float]:
    """Return the key that MLflow sorts by: what passes first, then what is faster; none of a baseline."""
    return {} if row.verdict is None else {"standing": _RANK[row.verdict] + (speedup.low if speedup else 0.0)}
