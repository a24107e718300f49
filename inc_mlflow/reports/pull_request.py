"""A judgement as Markdown, for the summary of a pull request's check."""

import html
from typing import Any

from inc_mlflow.errors import one_line
from inc_mlflow.formatting import markdown_table, percent, size, times
from inc_mlflow.reports.table import interval, metric_cells, metric_columns, metrics_of

_MEANING = {
    "pass": "An INT8 model keeps its accuracy and is faster.",
    "fail": "No candidate passes: keep FP32.",
    "inconclusive": "The rows cannot decide: more validation rows would.",
}


def pull_request_text(name: str, result: dict[str, Any]) -> str:
    """Return verdict, reasons, all rows and where to look next; ``name`` is that of the job."""
    metrics = metrics_of(result)
    header = ["recipe", "engine", *metric_columns(metrics), "speed-up", "vs source", "size", "verdict"]
    rows = [
        [
            row["recipe"],
            row["engine"],
            *metric_cells(row, metrics, "-"),
            interval(row["speedup"], times),
            interval(row["source_speedup"], times),
            size(row["size_bytes"]) if row["size_bytes"] else "-",
            row["verdict"] or "",
        ]
        for row in result["table"]
    ]
    parts = [
        f"## {_plain(name)}: {result['verdict']}",
        f"{_MEANING[result['verdict']]} Best candidate: **{_plain(result['best']['recipe'])}**.",
        "\n".join(f"- {_plain(reason)}" for reason in result["reasons"]),
        markdown_table(map(_plain, header), [map(_plain, row) for row in rows]),
        *_pools(result["table"]),
        *_links(result.get("tracking")),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _pools(table: list[dict[str, Any]]) -> list[str]:
    """Return what each pool says of each candidate; nothing where one pool says all."""
    pools = list(table[0]["per_pool"])
    if len(pools) < 2:
        return []
    rows = [[row["recipe"], *(_on_pool(row, name) for name in pools)] for row in table if row["verdict"]]
    return [markdown_table(map(_plain, ["recipe", *pools]), [map(_plain, row) for row in rows])]


def _on_pool(row: dict[str, Any], pool: str) -> str:
    found = row["per_pool"].get(pool)
    if found is None:
        return "-"
    drop, speedup = interval(found["relative_drop"], percent), interval(found["speedup"], times)
    return f"{found['verdict']}, {drop}, {speedup}"


def _links(tracking: dict[str, str] | None) -> list[str]:
    """Return the addresses of a server; a file on the machine that ran is of no use to a reader elsewhere."""
    found = [url for url in (tracking or {}).values() if url.startswith(("http://", "https://"))]
    return ["\n".join(f"- <{_plain(url)}>" for url in found)] if found else []


def _plain(text: str) -> str:
    """Return text in one line in which nothing is HTML."""
    return html.escape(one_line(text), quote=False)
