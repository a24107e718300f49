"""Notes on runs and models: the verdict, the command that would promote the model, and a table."""

from collections.abc import Iterable, Sequence

from inc_mlflow.formatting import markdown_table, percent, size, times
from inc_mlflow.records import (
    BenchmarkRecord,
    Interval,
    JudgementRecord,
    MetricFacts,
    MetricResult,
    PoolResult,
    Row,
)
from inc_mlflow.registry.engines import loaded_by
from inc_mlflow.spec.pools import is_emulated

_NOTHING = "-"
_Numbers = Row | PoolResult | MetricResult


def job_note(judgement: JudgementRecord, run_id: str) -> str:
    """Return a job's note: its best candidate, and the whole table."""
    metrics = judgement.all_metrics
    rows = [
        [row.recipe, *_cells(row, metrics), size(row.size_bytes), row.verdict or ""]
        for row in judgement.table
    ]
    names = _names(metrics)
    rows += [[one.label, *[_NOTHING] * len(names), _NOTHING, "fail"] for one in judgement.rejected]
    table = markdown_table(("recipe", *names, "size", "verdict"), rows)
    reasons = tuple(one.reason for one in judgement.rejected)
    if not judgement.candidates:
        return _note(judgement.headline(), "No recipe gave a candidate.", table, judgement.reasons)
    best = judgement.best()
    said = f"{judgement.headline()}, {_figures(best, metrics)}"
    command = promotion_command(judgement, best, run_id)
    return _note(said, command, table, (*judgement.reasons, *reasons))


def row_note(judgement: JudgementRecord, row: Row, run_id: str) -> str:
    """Return a model's note: its results on each pool."""
    metrics = judgement.all_metrics
    rows = [
        [pool, *_cells(one, metrics), one.verdict if row.verdict else ""]
        for pool, one in row.per_pool.items()
    ]
    table = markdown_table(("pool", *_names(metrics), "verdict"), rows)
    said = f"{row.verdict}: {_figures(row, metrics)}" if row.verdict else _reference(row, metrics)
    how = loaded_by(row.engine)
    served = (f"runs on {row.engine}: {how}",) if how else ()
    return _note(said, promotion_command(judgement, row, run_id), table, (*row.reasons, *served))


def pool_note(
    judgement: JudgementRecord, row: Row, pool: str, run_id: str, benchmark: BenchmarkRecord | None
) -> str:
    """Return a measurement's note: one model on one pool; an emulated pool has no benchmark."""
    result, metrics = row.per_pool[pool], judgement.all_metrics
    said = (
        f"{result.verdict}: {', '.join(_losses(result, metrics))}, {_speed(pool, result.speedup)}"
        if row.verdict
        else f"{_reference(row, metrics)} on {pool}"
    )
    speed = benchmark.models.get(row.recipe) if benchmark else None
    timed = (
        [f"{speed.samples_per_second:.4g}", f"{speed.p50_ms:.3g}", f"{speed.p99_ms:.3g}"]
        if speed
        else [_NOTHING] * 3
    )
    header = (*_names(metrics), "samples/s", "p50 ms", "p99 ms", "size", "layout")
    cells = [
        *_cells(result, metrics),
        *timed,
        size(row.size_bytes),
        benchmark.layout if benchmark else _NOTHING,
    ]
    return _note(said, promotion_command(judgement, row, run_id), markdown_table(header, [cells]), ())


def _names(metrics: Sequence[MetricFacts]) -> list[str]:
    return [*(text for metric in metrics for text in (metric.name, metric.loss)), "speed-up"]


def promotion_command(judgement: JudgementRecord, row: Row, run_id: str) -> str:
    """Return the command that would promote a model, or say why none would.

    ``run_id`` is the job's.
    """
    if row.verdict is None:
        return "No command promotes it: it is what candidates are compared with."
    best, command = judgement.best(), f"`inc-mlflow promote --run {run_id}`"
    if row.verdict == "pass" and row.sha256 == best.sha256:
        return command
    passed = row.verdict == "pass"
    whole = (
        f"{command} promotes {best.recipe}, which is better."
        if passed
        else f"No command promotes it: {_why_not(row)}."
    )
    return f"{whole}{_on_pools(judgement, row, command)}"


def _why_not(row: Row) -> str:
    return "it fails" if row.verdict == "fail" else "it is inconclusive, and only what passes is promoted"


def _on_pools(judgement: JudgementRecord, row: Row, command: str) -> str:
    """A request also moves the aliases of pools, each to the best that passes there."""
    real = [pool for pool in row.per_pool if not is_emulated(pool)]
    passed = [pool for pool in real if row.per_pool[pool].verdict == "pass"]
    if judgement.verdict != "pass" or len(real) < 2 or not passed:
        return ""
    return f" {command} gives it the alias of {', '.join(passed)} where it is the fastest that passes there."


def _reference(row: Row, metrics: Sequence[MetricFacts]) -> str:
    values = [f"{name} {_value(one)}" for name, one in _by_metric(row, metrics)]
    return f"baseline: {', '.join(values)}, {size(row.size_bytes)}"


def _figures(row: Row, metrics: Sequence[MetricFacts]) -> str:
    speeds = [_speed(pool, one.speedup) for pool, one in row.per_pool.items() if not is_emulated(pool)]
    return ", ".join([*_losses(row, metrics), *speeds])


def _by_metric(result: Row | PoolResult, metrics: Sequence[MetricFacts]) -> list[tuple[str, _Numbers]]:
    """Pair the names of metrics with their numbers; those of the first are the row's own."""
    further = [(metric.name, result.metrics[metric.name]) for metric in metrics[1:]]
    return [(metrics[0].name, result), *further]


def _losses(result: Row | PoolResult, metrics: Sequence[MetricFacts]) -> list[str]:
    """Write the loss by each metric, which is named where there are several."""
    found = [
        _loss(one, metric) for (_, one), metric in zip(_by_metric(result, metrics), metrics, strict=True)
    ]
    return (
        found
        if len(metrics) == 1
        else [f"{metric.name} {text}" for metric, text in zip(metrics, found, strict=True)]
    )


def _loss(result: _Numbers, metric: MetricFacts) -> str:
    drop = result.relative_drop
    if drop is None:
        return "no number" if result.accuracy is None else f"no relative {metric.loss}"
    return f"{metric.loss} {percent(drop.value)}"


def _speed(pool: str, speedup: Interval | None) -> str:
    return f"{times(speedup.value)} on {pool}" if speedup else f"no speed on {pool}"


def _cells(result: Row | PoolResult, metrics: Sequence[MetricFacts]) -> list[str]:
    cells = [
        text
        for _, one in _by_metric(result, metrics)
        for text in (_value(one), percent(one.relative_drop.value) if one.relative_drop else _NOTHING)
    ]
    return [*cells, _bounded(result.speedup)]


def _value(result: _Numbers) -> str:
    return f"{result.accuracy.value:.4f}" if result.accuracy else _NOTHING


def _bounded(speedup: Interval | None) -> str:
    if speedup is None:
        return _NOTHING
    bounds = f" [{speedup.low:.2f}, {speedup.high:.2f}]" if speedup.low < speedup.high else ""
    return f"{times(speedup.value)}{bounds}"


def _note(said: str, command: str, table: str, reasons: Iterable[str]) -> str:
    """Two spaces are Markdown's line break."""
    listed = "\n".join(f"- {reason}" for reason in reasons)
    return "\n\n".join(filter(None, [f"{said}  \n{command}", table, listed]))
