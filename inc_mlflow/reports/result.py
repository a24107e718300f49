"""The result of a finished job, made from its records: what ``run --json`` prints."""

import json
from pathlib import Path
from typing import Any

from inc_mlflow.records import RECORD, JudgementRecord, PromotionRecord, RejectedRecipe, Row

_STEPS = (
    "baseline",
    "champion",
    "ranges",
    "candidates",
    "evaluation",
    "benchmark",
    "judgement",
    "tracking",
    "promotion",
)
"""Directories of the steps in a state folder, in their order. A hyphen and the pool follow where that is not
this machine."""


def job_result(state: Path, links: dict[str, str] | None) -> dict[str, Any]:
    """Return plain data with the keys of the command-line contract.

    ``links`` is None where the tracking server does not have all of the job yet.
    """
    judged = JudgementRecord.load(state / "judgement")
    rows = [row.model_dump(mode="json") for row in judged.table]
    rows += [_rejected(one) for one in judged.rejected]
    if any("engine_speedup" in row for row in rows):
        rows = [{"engine_speedup": None} | row for row in rows]
    return {
        "verdict": judged.verdict,
        "reasons": list(judged.reasons),
        "champion": _champion(state, judged.table) if links else None,
        "best": next(row for row in rows if row["verdict"]),
        "table": rows,
        "tracking": links,
        "seconds": _seconds(state),
        "metric": judged.metric.model_dump(mode="json"),
        "metrics": [one.model_dump(mode="json") for one in judged.all_metrics],
    }


def _rejected(recipe: RejectedRecipe) -> dict[str, Any]:
    """Return the row of a recipe without a candidate: it has the keys of the others, and no numbers."""
    facts = {"recipe": recipe.label, "engine": recipe.engine, "verdict": "fail", "reasons": [recipe.reason]}
    fields = Row.model_fields.keys() - {"engine_speedup"}  # only where a job has several engines
    return dict.fromkeys(fields) | facts | {"per_pool": {}, "metrics": {}}


def _champion(state: Path, table: tuple[Row, ...]) -> dict[str, Any] | None:
    """Return the row that the alias names now; null where nothing was promoted."""
    if not (state / "promotion").exists():
        return None
    promoted = PromotionRecord.load(state / "promotion")
    row = next(row for row in table if row.sha256 == promoted.sha256)
    return row.model_dump(mode="json") | {
        "registered_model": promoted.registered_model,
        "version": promoted.version,
        "aliases": list(promoted.aliases),
        "protections": [one.model_dump(mode="json") for one in promoted.protections],
    }


def step_directories(state: Path, step: str) -> list[Path]:
    """Return the finished directories of one step, of all pools."""
    return sorted(
        record.parent for pattern in (step, f"{step}-*") for record in state.glob(f"{pattern}/{RECORD}")
    )


def _seconds(state: Path) -> dict[str, float]:
    present = [directory for step in _STEPS for directory in step_directories(state, step)]
    return {one.name: json.loads((one / RECORD).read_text())["seconds"] for one in present}
