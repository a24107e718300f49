"""The result of a finished job, put together from its records: what ``run --json`` prints."""

import json
from pathlib import Path
from typing import Any

from inc_mlflow.records import RECORD, JudgementRecord, PromotionRecord, Row

STEPS = ("baseline", "champion", "ranges", "candidates", "evaluation", "benchmark", "judgement", "tracking", "promotion")
"""Directories of the steps in a state folder, in their order."""


def job_result(state: Path, links: dict[str, str]) -> dict[str, Any]:
    """Return plain data with the keys of the command-line contract."""
    judged = JudgementRecord.load(state / "judgement")
    rows = [row.model_dump(mode="json") for row in judged.table]
    return {
        "verdict": judged.verdict,
        "reasons": list(judged.reasons),
        "champion": _champion(state, judged.table),
        "best": rows[1],
        "table": rows,
        "tracking": links,
        "seconds": _seconds(state),
    }


def _champion(state: Path, table: tuple[Row, ...]) -> dict[str, Any] | None:
    """Return the row that the alias names now; null where nothing was promoted."""
    if not (state / "promotion").exists():
        return None
    promoted = PromotionRecord.load(state / "promotion")
    row = next(row for row in table if row.sha256 == promoted.sha256)
    return row.model_dump(mode="json") | {"registered_model": promoted.registered_model, "version": promoted.version}


def _seconds(state: Path) -> dict[str, float]:
    present = [name for name in STEPS if (state / name / RECORD).exists()]
    return {name: json.loads((state / name / RECORD).read_text())["seconds"] for name in present}
