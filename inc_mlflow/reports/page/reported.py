"""What a report says of one job: the records in its state folder and its result, nothing computed anew."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inc_mlflow.records import (
    BenchmarkRecord,
    EvaluationRecord,
    ImportRecord,
    JudgementRecord,
    MetricFacts,
    MetricResult,
    Row,
    Speed,
)
from inc_mlflow.reports.result import step_directories
from inc_mlflow.spec import JobSpec


@dataclass(frozen=True)
class ReportedJob:
    """A finished job; evaluations and benchmarks are one of each pool."""

    spec: JobSpec
    imported: ImportRecord
    judged: JudgementRecord
    evaluations: tuple[EvaluationRecord, ...]
    benchmarks: tuple[BenchmarkRecord, ...]
    result: dict[str, Any]
    """What ``run --json`` prints."""

    @property
    def baseline(self) -> Row:
        """The row of the FP32 baseline that accuracies are compared with."""
        return self.judged.table[0]

    @property
    def candidate_word(self) -> str:
        """How columns name candidates: by their precision, where all have that of INT8."""
        return "candidate" if any(one.evidence.precisions for one in self.evaluations) else "INT8"

    @property
    def pools(self) -> list[str]:
        """The pools of the job in their order."""
        return list(self.baseline.per_pool)

    def speeds(self, row: Row) -> tuple[Speed | None, Speed | None, BenchmarkRecord | None]:
        """Return a row's speed, that of the fastest baseline, and the benchmark that its speed-up is from."""
        for benchmark in self.benchmarks:
            pool = row.per_pool.get(benchmark.evidence.pool)
            if row.speedup is not None and pool is not None and pool.speedup == row.speedup:
                models = benchmark.models
                return models.get(row.recipe), models.get(benchmark.against), benchmark
        return None, None, None


def reported_job(spec: JobSpec, state: Path, result: Path) -> ReportedJob:
    """Read a finished job. Raises StateError where a record is not whole."""
    return ReportedJob(
        spec,
        ImportRecord.load(state / "baseline"),
        JudgementRecord.load(state / "judgement"),
        tuple(EvaluationRecord.load(folder) for folder in step_directories(state, "evaluation")),
        tuple(BenchmarkRecord.load(folder) for folder in step_directories(state, "benchmark")),
        json.loads(result.read_text()),
    )


def by_metric(row: Row, metric: MetricFacts) -> Row | MetricResult:
    """Return what holds a row's numbers by one metric; of old records, the row itself."""
    return row.metrics.get(metric.name, row)
