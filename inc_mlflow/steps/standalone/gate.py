"""The gate on its own, for the command line: over the records that steps left, on one pool or on many."""

from pathlib import Path
from typing import Any

from inc_mlflow.measure.gate.judge import judge_pools
from inc_mlflow.measure.gate.measurements import find_pools
from inc_mlflow.spec import GateSpec


def judge_records(directories: list[Path], gate: GateSpec) -> dict[str, Any]:
    """Judge what the steps ``evaluate`` and ``benchmark`` left, of any number of pools.

    Also a job's whole state folder.
    """
    judged = judge_pools(find_pools(directories), gate)
    return judged.model_dump(mode="json", include={"verdict", "reasons", "table", "policy_sha256"}) | {
        "best": judged.best().model_dump(mode="json")
    }
