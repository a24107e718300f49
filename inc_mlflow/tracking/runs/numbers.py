"""Metrics of a model in MLflow: the same names on every run, of one pool or of the whole row."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from inc_mlflow.measure.gate.order import standings
from inc_mlflow.records import Interval, MetricResult, Row, Speed, Verdict

if TYPE_CHECKING:
    from inc_mlflow.measure.gate.measured import Measured

_OURS = re.compile(
    r"(accuracy|relative_drop|((source|engine)_)?speedup)(_low|_high)?|p\d+_ms|samples_per_second|\w+_mb"
    r"|standing|metric_\d+"
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
        "engine_speedup": benchmark.engine_speedup.get(row.recipe) if benchmark else None,
    }
    speed = benchmark.models.get(row.recipe) if benchmark else None
    intervals |= _further(measured, result.metrics)
    return _metrics(intervals, row, speed, _names(measured)[0]) | _sort_key(standing)


def row_metrics(row: Row, slowest: "Measured", standing: float | None = None) -> dict[str, float]:
    """Return the metrics of a table row; latencies and memory are of the pool whose speed-up it shows."""
    intervals = {
        "accuracy": row.accuracy,
        "relative_drop": row.relative_drop,
        "speedup": row.speedup,
        "source_speedup": row.source_speedup,
        "engine_speedup": row.engine_speedup,
    }
    speed = slowest.benchmark.models.get(row.recipe) if slowest.benchmark else None
    intervals |= _further(slowest, row.metrics)
    return _metrics(intervals, row, speed, _names(slowest)[0]) | _sort_key(standing)


def standing_metrics(rows: Sequence[Row]) -> dict[str, float]:
    """Return digest -> key that MLflow sorts by, of candidates in the table's order.

    What passes comes first, then what stands further up.
    """
    within = standings(rows)
    return {row.sha256: _RANK[row.verdict] + within[row.sha256] for row in rows if row.verdict is not None}


def own_names(metrics: Sequence[str]) -> tuple[str, ...]:
    """Return the MLflow metrics that show a job's metrics under their own names.

    Where another number has the name, or MLflow refuses it, that is ``accuracy`` for the first and
    ``metric_2``, … for the others.
    """
    names, taken = list[str](), set[str]()
    for number, metric in enumerate(metrics, start=1):
        free = _is_free(metric) and taken.isdisjoint(_numbers_of(metric))
        names.append(metric if free else "accuracy" if number == 1 else f"metric_{number}")
        taken |= set(_numbers_of(names[-1]))
    return tuple(names)


def _is_free(metric: str) -> bool:
    named = re.fullmatch(r"[\w. -]{1,100}", metric, re.ASCII)
    return bool(named) and not any(_OURS.fullmatch(name) for name in _numbers_of(metric))


def _numbers_of(name: str) -> list[str]:
    """Return all that MLflow has of a metric after the first."""
    drop = drop_name(name)
    return [f"{base}{end}" for base in (name, drop) for end in ("", "_low", "_high")]


def drop_name(name: str) -> str:
    """Return the MLflow metric with the relative drop by a metric after the first."""
    return f"{name}_relative_drop"


def _names(measured: "Measured") -> tuple[str, ...]:
    return own_names([measured.evaluation.metric, *measured.evaluation.further])


def _further(measured: "Measured", results: Mapping[str, MetricResult]) -> dict[str, Interval | None]:
    """Return the intervals of the metrics after the first, by their names in MLflow."""
    about, names = measured.evaluation, _names(measured)
    found: dict[str, Interval | None] = {}
    for name, metric in zip(names[1:], about.further, strict=True):
        found |= {name: results[metric].accuracy, drop_name(name): results[metric].relative_drop}
    return found


def _metrics(
    intervals: Mapping[str, Interval | None], row: Row, speed: Speed | None, own: str
) -> dict[str, float]:
    known = {name: interval for name, interval in intervals.items() if interval is not None}
    values = {name: interval.value for name, interval in known.items()}
    values |= {own: known["accuracy"].value} if "accuracy" in known else {}
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
