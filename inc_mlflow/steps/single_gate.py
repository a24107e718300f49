"""The gate on its own, for the command line: over the records that steps left, on one pool or on many."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from inc_mlflow.errors import DataError
from inc_mlflow.measure.evidence import Measured
from inc_mlflow.measure.gate import judge
from inc_mlflow.records import BASELINE, RECORD, EvaluationRecord, JudgementRecord, Model
from inc_mlflow.spec import GateSpec
from inc_mlflow.steps.evidence import EVIDENCE, measured


def judge_records(directories: list[Path], gate: GateSpec) -> dict[str, Any]:
    """Judge what the steps ``evaluate`` and ``benchmark`` left, of any number of pools; also a job's whole state folder."""
    judged = judge_pools(pools_of(directories), gate)
    return judged.model_dump(mode="json", include={"verdict", "reasons", "table", "policy_sha256"}) | {
        "best": judged.best().model_dump(mode="json")
    }


def pools_of(directories: list[Path]) -> dict[str, Measured]:
    """Read what all pools found out; each directory is that of a step, or holds such."""
    return measured([step for directory in directories for step in _steps(directory)])


def judge_pools(pools: dict[str, Measured], gate: GateSpec) -> JudgementRecord:
    """Judge the models that the evaluations are about."""
    return judge(_models(next(iter(pools.values())).evaluation), pools, gate)


def _steps(directory: Path) -> Iterator[Path]:
    """Yield step directories: this one, or those inside a state folder."""
    inside = sorted(step.parent for name in EVIDENCE for step in directory.glob(f"{name}*/{RECORD}"))
    if (directory / RECORD).is_file():
        yield directory
    elif inside:
        yield from inside
    else:
        raise DataError(
            f"{directory}: holds no {RECORD}; give a directory of `evaluate` or `benchmark`, or a job's state folder"
        )


def _models(record: EvaluationRecord) -> list[Model]:
    """List the models of an evaluation, baseline first; where their files are, a record does not know."""
    labels = sorted(record.results, key=lambda label: label != BASELINE)
    if BASELINE not in record.results:
        raise DataError("gate: the evaluation has no baseline to compare with; evaluate again")
    digests, sizes = record.evidence.models, {label: one.size_bytes for label, one in record.results.items()}
    return [Model(label=one, path="", sha256=digests.get(one, ""), size_bytes=sizes[one]) for one in labels]
