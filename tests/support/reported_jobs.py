"""Finished jobs for reports, made up: measurements that were judged, beside a real job's text."""

from typing import Any

from inc_mlflow.measure.gate.judge import judge
from inc_mlflow.records import BASELINE, ImportedBaseline, ImportRecord, Interval, RejectedRecipe, Speed
from inc_mlflow.reports.page.reported import ReportedJob
from inc_mlflow.spec import JobSpec
from tests.support.gate_measurements import EVEN, FAIL, FAST, GATE, PASS, SLOW, measured, model
from tests.support.paths import EXAMPLE

POOLS = ("local", "other")
FASTER = Interval(value=2.25, low=2.125, high=2.375)
IMPORTED = ImportRecord(
    source_sha256="s" * 64,
    source_bytes=400,
    source_error=None,
    rows_compared=8,
    baselines=(
        ImportedBaseline(
            engine="onnxruntime", model_sha256="b", model_bytes=400, facts={}, largest_difference=0.0
        ),
    ),
)


def reported(good: str, bad: str, reason: str, name: str = "digits") -> ReportedJob:
    """A job of two pools: one candidate passes, one is slow and wrong, and one recipe was rejected."""
    spec = JobSpec.load(EXAMPLE / "job.yaml").model_copy(update={"name": name})
    accuracy, speed, source = {good: PASS, bad: FAIL}, {good: FAST, bad: SLOW}, {BASELINE: EVEN, good: FASTER}
    found = {pool: measured(accuracy, speed, pool, source=source) for pool in POOLS}
    judged = judge([model(BASELINE), model(good), model(bad)], found, GATE)
    rejected = RejectedRecipe(recipe={}, engine="onnxruntime", label=f"not {bad}", reason=reason)
    judged = judged.model_copy(update={"rejected": (rejected,)})
    times = {label: _speed(rate) for label, rate in ((BASELINE, 12345.6), (good, 24691.2), (bad, 9876.5))}
    benchmarks = [one.benchmark.model_copy(update={"models": times}) for one in found.values()]
    result: dict[str, Any] = {"seconds": {"baseline": 0.4375}, "champion": None, "tracking": None}
    result |= {"table": [row.model_dump(mode="json") for row in judged.table]}
    evaluations = tuple(one.evaluation for one in found.values())
    return ReportedJob(spec, IMPORTED, judged, evaluations, tuple(benchmarks), result)


def _speed(rate: float) -> Speed:
    return Speed(
        samples_per_second=rate,
        p50_ms=0.11,
        p90_ms=0.12,
        p99_ms=0.13,
        p99_9_ms=0.14,
        peak_rss_bytes=98_765_432,
        instance_rss_bytes=(98_765_432,),
        size_bytes=100,
    )
