"""What Kubeflow's pages show of a step: facts, numbers to compare runs by, and a table."""

import html
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from inc_mlflow.formatting import markdown_table, percent, size, times
from inc_mlflow.records import (
    BenchmarkRecord,
    CandidatesRecord,
    Evaluated,
    EvaluationRecord,
    Frozen,
    ImportRecord,
    Interval,
    JudgementRecord,
    MetricFacts,
    MetricResult,
    Record,
    Row,
)

_NOTHING = "-"
Table = tuple[Sequence[str], list[list[str]]]
"""Header and rows."""


class Artifact(Protocol):
    """The part of KFP's artifact that a preview needs."""

    path: str
    metadata: dict[str, Any]


def preview(
    record: Record,
    *,
    about: Artifact | None = None,
    metrics: Artifact | None = None,
    markdown: Artifact | None = None,
    page: Artifact | None = None,
) -> None:
    """Write what a record says into those of its step's artifacts that are given."""
    if about is not None:
        about.metadata.update(facts(record))
    if metrics is not None:
        metrics.metadata.update(numbers(record))
    if markdown is not None:
        Path(markdown.path).write_text(as_markdown(record))
    if page is not None:
        Path(page.path).write_text(as_html(record))


def facts(record: Record) -> dict[str, str | float]:
    """Return the plain fields of a record, and the pool and CPU that its numbers belong to."""
    found = _plain(record)
    if isinstance(record, ImportRecord):
        found |= _plain(record.baselines[0]) | record.baselines[0].facts
        if (source := record.framework_source) is not None:
            found |= {"framework": source.framework, "parity": source.largest}
    if isinstance(record, EvaluationRecord | BenchmarkRecord):
        found |= {"pool": record.evidence.pool, "cpu": record.evidence.host.cpu}
    return found


def _plain(record: Frozen) -> dict[str, str | float]:
    return {key: value for key, value in record.model_dump().items() if isinstance(value, str | int | float)}


def numbers(record: Record) -> dict[str, float]:
    """Return name -> number; what could not be measured has none."""
    match record:
        case EvaluationRecord():
            first = {label: one.value for label, one in record.results.items() if one.value is not None}
            return first | {
                f"{label} {metric}": one.value
                for metric, found in record.further_results.items()
                for label, one in found.results.items()
                if one.value is not None
            }
        case BenchmarkRecord():
            return {f"{label} speedup": one.value for label, one in record.speedup.items()}
        case JudgementRecord():
            names = ("accuracy", "relative_drop", "speedup")
            known = {name: getattr(row, name) for row in record.candidates[:1] for name in names}
            passed = float(sum(row.verdict == "pass" for row in record.table))
            return {name: one.value for name, one in known.items() if one} | {"candidates_passed": passed}
    return {}


def as_markdown(record: Record) -> str:
    """Return what matters as a Markdown document."""
    header, rows = _table(record)
    return "\n".join([*_heading(record), "", markdown_table(header, rows), ""])


def as_html(record: Record) -> str:
    """Return the same as one page without scripts."""
    header, rows = _table(record)
    body = [f"<p>{html.escape(line)}</p>" for line in _heading(record)]
    body += ["<table>", _row("th", header), *(_row("td", row) for row in rows), "</table>"]
    return f"<!doctype html><meta charset=utf-8><style>{_STYLE}</style>{''.join(body)}"


_STYLE = "body{font:14px sans-serif}th,td{text-align:left;padding:4px 12px;border-bottom:1px solid #ddd}"


def _heading(record: Record) -> list[str]:
    match record:
        case EvaluationRecord():
            metrics = ", ".join([record.metric, *record.further])
            return [f"{metrics} on {record.rows:,} rows of {record.split}, pool {record.evidence.pool}"]
        case BenchmarkRecord():
            where = f"layout {record.layout}, pool {record.evidence.pool}, {record.evidence.host.cpu}"
            return [where if record.valid else f"no numbers: {where}", *record.reasons]
        case JudgementRecord():
            return [record.headline(), *record.reasons]
    return []


def _table(record: Record) -> Table:
    match record:
        case CandidatesRecord():
            return ("recipe", "size", "sha256"), [
                *([one.label, size(one.size_bytes), one.sha256[:12]] for one in record.candidates),
                *([one.label, _NOTHING, one.reason] for one in record.rejected),
            ]
        case EvaluationRecord():
            return ("model", record.metric, *record.further, "size"), list(_evaluated(record))
        case BenchmarkRecord():
            return ("model", "samples/s", "p50 ms", "p99 ms", "speed-up"), list(_timed(record))
        case JudgementRecord():
            metrics = record.all_metrics
            numbers = [text for metric in metrics for text in (metric.name, metric.loss)]
            return ("recipe", *numbers, "speed-up", "size", "verdict"), list(_judged(record, metrics))
    return (), []


def _evaluated(record: EvaluationRecord) -> Iterator[list[str]]:
    further = [found.results for found in record.further_results.values()]
    for label, one in record.results.items():
        values = [by_label[label] for by_label in (record.results, *further)]
        yield [label, *map(_value, values), size(one.size_bytes)]


def _value(one: Evaluated) -> str:
    return f"{one.value:.4f}" if one.value is not None else one.reason or _NOTHING


def _timed(record: BenchmarkRecord) -> Iterator[list[str]]:
    for label, speed in record.models.items():
        ratio = record.speedup.get(label)
        numbers = [f"{speed.samples_per_second:.4g}", f"{speed.p50_ms:.3g}", f"{speed.p99_ms:.3g}"]
        yield [
            label,
            *numbers,
            f"{times(ratio.value)} [{times(ratio.low)}, {times(ratio.high)}]" if ratio else _NOTHING,
        ]


def _judged(record: JudgementRecord, metrics: Sequence[MetricFacts]) -> Iterator[list[str]]:
    for row in record.table:
        results: list[Row | MetricResult] = [row, *(row.metrics[metric.name] for metric in metrics[1:])]
        cells = [
            text
            for one in results
            for text in (_shown(one.accuracy, "{:.4f}".format), _shown(one.relative_drop, percent))
        ]
        yield [row.recipe, *cells, _shown(row.speedup, times), size(row.size_bytes), row.verdict or ""]
    for one in record.rejected:
        yield [one.label, *[_NOTHING] * (2 * len(metrics) + 2), f"fail: {one.reason}"]


def _shown(interval: Interval | None, write: Any) -> str:
    return str(write(interval.value)) if interval else _NOTHING


def _row(tag: str, cells: Sequence[str]) -> str:
    return f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"
