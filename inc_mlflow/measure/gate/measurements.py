"""Measurements as the steps left them: records with their raw arrays, each bound to the other."""

from pathlib import Path

from inc_mlflow.errors import DataError
from inc_mlflow.measure.gate.evidence import Measured
from inc_mlflow.records import BenchmarkRecord, EvaluationRecord
from inc_mlflow.records.sealed_arrays import load_raw
from inc_mlflow.spec import Isa, emulated_pool

OUTCOMES, LATENCIES = "outcomes.npz", "latencies.npz"
CLASSES, GROUPS = " classes", " groups"
"""Names among the outcomes that no model has: labels begin with no blank."""


def load_measured(directory: Path, record: EvaluationRecord, benchmark: BenchmarkRecord | None) -> Measured:
    """Join an evaluation with its outcomes by model, as they were when its record was made."""
    arrays = load_raw(directory / OUTCOMES, record, record.outcomes_sha256)
    classes, groups = (arrays.pop(name, None) for name in (CLASSES, GROUPS))
    return Measured(record, arrays, benchmark, classes, groups)


def load_emulated(directory: Path, record: EvaluationRecord, isa: Isa) -> EvaluationRecord:
    """Read the record of an emulated pool, as it was when the evaluation that it is part of was made."""
    if isa not in record.emulated:
        raise DataError(f"{directory}: holds no evaluation on {emulated_pool(isa)}; evaluate again")
    emulated = EvaluationRecord.load(directory / isa)
    if emulated.identity() != record.emulated[isa]:
        raise DataError(f"{directory / isa}: changed since it was measured; evaluate again")
    return emulated


def load_benchmark(directory: Path) -> BenchmarkRecord:
    """Read a benchmark as it was when it was made."""
    record = BenchmarkRecord.load(directory)
    load_raw(directory / LATENCIES, record, record.latencies_sha256)
    return record
