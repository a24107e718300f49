"""Which models the benchmark explains, and that a failed profile costs no measurement."""

import pytest

from inc_mlflow.engines.onnxruntime.engine import OnnxRuntimeAnalysis
from inc_mlflow.engines.onnxruntime.options import Static
from inc_mlflow.records import BASELINE, BenchmarkRecord, Evidence, Interval, Model, Speed
from inc_mlflow.spec import Job
from inc_mlflow.steps.measure.benchmark import PROFILED_BATCHES, PROFILED_SECONDS, explain_slow_models
from tests.support.gate_measurements import CONDITIONS, HOST
from tests.support.onnx_candidates import quantize
from tests.support.paths import EXAMPLE

INT8 = "static u8s8 per-channel"


def _record(speedup, milliseconds=1.0):
    speed = Speed(samples_per_second=1, p50_ms=milliseconds, p90_ms=1, p99_ms=1, p99_9_ms=1,
                  peak_rss_bytes=1, instance_rss_bytes=(1,), size_bytes=1)  # fmt: skip
    return BenchmarkRecord(
        evidence=Evidence(pool="local", host=HOST, provider="cpu", data_sha256="d", models={}, engines={}),
        valid=True, reasons=(), layout="1s1c1ins1bs", clock="process CPU time", conditions=CONDITIONS,
        models={BASELINE: speed, INT8: speed}, confidence=0.95,
        speedup={INT8: Interval.exact(speedup)}, source_speedup={}, latencies_sha256="l",
    )  # fmt: skip


def _job(min_speedup=1.0):
    job = Job.load(EXAMPLE / "job.yaml")
    gate = job.spec.gate.model_copy(update={"min_speedup": min_speedup})
    return Job(job.spec.model_copy(update={"gate": gate}), job.root)


@pytest.fixture(scope="module")
def models(baseline, ranges, tmp_path_factory):
    path = tmp_path_factory.mktemp("int8") / "model.onnx"
    quantize(baseline, ranges, Static(), path)
    return [Model(label=BASELINE, path=str(baseline), sha256="b", size_bytes=1),
            Model(label=INT8, path=str(path), sha256="c", size_bytes=1)]  # fmt: skip


@pytest.mark.parametrize(
    ("speedup", "needed", "explained"),
    [(1.0, 1.0, []), (0.99, 1.0, [INT8]), (1.5, 1.6, [INT8]), (1.6, 1.6, []), (0.9, 0.5, [INT8])],
)
def test_what_is_not_faster_or_not_fast_enough_is_explained(speedup, needed, explained, models):
    assert list(explain_slow_models(_job(needed), models, _record(speedup, 1000.0))) == explained


def test_a_profile_that_fails_is_told(models, tmp_path):
    gone = [models[0], models[1].model_copy(update={"path": str(tmp_path / "absent.onnx")})]
    slow = explain_slow_models(_job(), gone, _record(0.5))[INT8]
    assert slow.summary.startswith("why is not known: ")
    assert "absent.onnx" in slow.summary
    assert slow.causes == ()


@pytest.mark.parametrize(("milliseconds", "passes"), [(0.01, 100), (10.0, 75), (5000.0, 4)])
def test_small_and_large_models_are_profiled_for_about_as_long(milliseconds, passes, models, monkeypatch):
    asked = []

    def explain(analysis, baseline, slow, batches, passes):
        asked.append(passes)
        return {}

    monkeypatch.setattr(OnnxRuntimeAnalysis, "explain", explain)
    explain_slow_models(_job(), models, _record(0.5, milliseconds))
    assert asked == [passes]
    assert passes == pytest.approx(
        PROFILED_SECONDS / PROFILED_BATCHES / milliseconds * 1000, rel=0.01
    ) or passes in {4, 100}
