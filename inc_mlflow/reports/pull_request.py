"""A judgement as Markdown, for the summary of a pull request's check."""

from typing import Any
from urllib.parse import urlsplit

from inc_mlflow.formatting import markdown_table, markdown_text, percent, size, times
from inc_mlflow.reports.table import interval, metric_cells, metric_columns, metrics_of

_HERE = {None, "127.0.0.1", "::1", "localhost"}
_MEANING = {
    "pass": "A candidate keeps its accuracy and is as fast as the gate asks.",
    "fail": "No candidate passes: keep FP32.",
    "inconclusive": "What was measured cannot decide.",
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
        f"## {markdown_text(name)}: {result['verdict']}",
        f"{_MEANING[result['verdict']]} Best candidate: **{markdown_text(result['best']['recipe'])}**.",
        "\n".join(f"- {markdown_text(reason)}" for reason in result["reasons"]),
        markdown_table(map(markdown_text, header), [map(markdown_text, row) for row in rows]),
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
    return [markdown_table(map(markdown_text, ["recipe", *pools]), [map(markdown_text, row) for row in rows])]


def _on_pool(row: dict[str, Any], pool: str) -> str:
    found = row["per_pool"].get(pool)
    if found is None:
        return "-"
    drop, speedup = interval(found["relative_drop"], percent), interval(found["speedup"], times)
    return f"{found['verdict']}, {drop}, {speedup}"


def _links(tracking: dict[str, str] | None) -> list[str]:
    """Return the addresses of a server; those of the machine that ran are of no use to a reader elsewhere."""
    found = [url for url in (tracking or {}).values() if urlsplit(url).hostname not in _HERE]
    return ["\n".join(f"- <{markdown_text(url)}>" for url in found)] if found else []
