"""The gate as a single command: it judges the records that steps wrote, of one pool or several."""

from pathlib import Path
from typing import Any

from inc_mlflow.measure.gate.judge import judge_pools
from inc_mlflow.measure.gate.measurements import find_pools
from inc_mlflow.spec import GateSpec


def judge_records(directories: list[Path], gate: GateSpec) -> dict[str, Any]:
    """Judge the records of ``evaluate`` and ``benchmark`` of any number of pools, or a job's state folder.

    Raises DataError where records are missing or do not belong together.
    """
    judged = judge_pools(find_pools(directories), gate)
    kept = {"verdict", "reasons", "metric", "metrics", "table", "policy_sha256"}
    return judged.model_dump(mode="json", include=kept) | {"best": judged.best().model_dump(mode="json")}
