"""Notes on runs and models: the verdict, the command that would promote the model, and a table."""

from collections.abc import Iterable

from inc_mlflow.formatting import markdown_table, percent, size, times
from inc_mlflow.records import BenchmarkRecord, Interval, JudgementRecord, MetricFacts, PoolResult, Row
from inc_mlflow.spec.pools import is_emulated

_NOTHING = "-"


def job_note(judgement: JudgementRecord, run_id: str) -> str:
    """Return a job's note: its best candidate, and the whole table."""
    rows = [[row.recipe, *_cells(row), size(row.size_bytes), row.verdict or ""] for row in judgement.table]
    rows += [[one.label, *[_NOTHING] * 4, "fail"] for one in judgement.rejected]
    table = markdown_table(("recipe", *_names(judgement.metric), "size", "verdict"), rows)
    reasons = tuple(one.reason for one in judgement.rejected)
    if not judgement.candidates:
        return _note(judgement.headline(), "No recipe gave a candidate.", table, judgement.reasons)
    best = judgement.best()
    said = f"{judgement.headline()}, {_figures(best, judgement.metric)}"
    command = promotion_command(judgement, best, run_id)
    return _note(said, command, table, (*judgement.reasons, *reasons))


def row_note(judgement: JudgementRecord, row: Row, run_id: str) -> str:
    """Return a model's note: its results on each pool."""
    rows = [[pool, *_cells(one), one.verdict if row.verdict else ""] for pool, one in row.per_pool.items()]
    table = markdown_table(("pool", *_names(judgement.metric), "verdict"), rows)
    metric = judgement.metric
    said = f"{row.verdict}: {_figures(row, metric)}" if row.verdict else _reference(row, metric)
    return _note(said, promotion_command(judgement, row, run_id), table, row.reasons)


def pool_note(
    judgement: JudgementRecord, row: Row, pool: str, run_id: str, benchmark: BenchmarkRecord | None
) -> str:
    """Return a measurement's note: one model on one pool; an emulated pool has no benchmark."""
    result = row.per_pool[pool]
    said = (
        f"{result.verdict}: {_loss(result, judgement.metric)}, {_speed(pool, result.speedup)}"
        if row.verdict
        else f"{_reference(row, judgement.metric)} on {pool}"
    )
    speed = benchmark.models.get(row.recipe) if benchmark else None
    timed = (
        [f"{speed.samples_per_second:.4g}", f"{speed.p50_ms:.3g}", f"{speed.p99_ms:.3g}"]
        if speed
        else [_NOTHING] * 3
    )
    header = (*_names(judgement.metric), "samples/s", "p50 ms", "p99 ms", "size", "layout")
    cells = [*_cells(result), *timed, size(row.size_bytes), benchmark.layout if benchmark else _NOTHING]
    return _note(said, promotion_command(judgement, row, run_id), markdown_table(header, [cells]), ())


def _names(metric: MetricFacts) -> tuple[str, str, str]:
    return metric.name, metric.loss, "speed-up"


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


def _reference(row: Row, metric: MetricFacts) -> str:
    return f"baseline: {metric.name} {_cells(row)[0]}, {size(row.size_bytes)}"


def _figures(row: Row, metric: MetricFacts) -> str:
    speeds = [_speed(pool, one.speedup) for pool, one in row.per_pool.items() if not is_emulated(pool)]
    return ", ".join([_loss(row, metric), *speeds])


def _loss(result: Row | PoolResult, metric: MetricFacts) -> str:
    drop = result.relative_drop
    if drop is None:
        return "no number" if result.accuracy is None else f"no relative {metric.loss}"
    return f"{metric.loss} {percent(drop.value)}"


def _speed(pool: str, speedup: Interval | None) -> str:
    return f"{times(speedup.value)} on {pool}" if speedup else f"no speed on {pool}"


def _cells(result: Row | PoolResult) -> list[str]:
    accuracy = f"{result.accuracy.value:.4f}" if result.accuracy else _NOTHING
    drop = percent(result.relative_drop.value) if result.relative_drop else _NOTHING
    return [accuracy, drop, _bounded(result.speedup)]


def _bounded(speedup: Interval | None) -> str:
    if speedup is None:
        return _NOTHING
    bounds = f" [{speedup.low:.2f}, {speedup.high:.2f}]" if speedup.low < speedup.high else ""
    return f"{times(speedup.value)}{bounds}"


def _note(said: str, command: str, table: str, reasons: Iterable[str]) -> str:
    """Two spaces are Markdown's line break."""
    listed = "\n".join(f"- {reason}" for reason in reasons)
    return "\n\n".join(filter(None, [f"{said}  \n{command}", table, listed]))
