"""ultraface without protection: the same file is right on this CPU, wrong on one without VNNI, and the gate
says so."""

import os
from pathlib import Path

import pytest

from inc_mlflow.errors import MissingExtraError
from inc_mlflow.records import CandidatesRecord, ChampionRecord, EvaluationRecord, Interval
from inc_mlflow.spec import Job
from inc_mlflow.steps.compress.quantize import quantize
from inc_mlflow.steps.judge.gate import gate
from inc_mlflow.steps.measure.evaluate import evaluate
from inc_mlflow.steps.prepare.calibrate import calibrate
from inc_mlflow.steps.prepare.import_model import import_model
from inc_mlflow.steps.step import STATE
from tests.support.gate_measurements import save_benchmark

pytestmark = [pytest.mark.real, pytest.mark.slow]

JOB = """
version: 1
name: ultraface
model: {models}/ultraface/version-RFB-320.onnx
data:
  calibration: {{callable: "remembered.py:data"}}
  validation: {{callable: "remembered.py:data"}}
metric: {{callable: "remembered.py:agreement", decomposable: false}}
recipes:
- {{method: static}}
pools: [local, {{emulate: x86-avx2}}]
"""
REMEMBERED = """
import sys
sys.path.insert(0, "{models}/ultraface")
import callables
from callables import agreement, data

found, detect = {{}}, callables.detect

def remembered(scores, boxes, threshold):
    '''Detect the faces of a row once, not on each of 1,000 resamples.'''
    key = float(scores.sum()), float(boxes.sum()), threshold
    if key not in found:
        found[key] = detect(scores, boxes, threshold)
    return found[key]

callables.detect = remembered
"""
POOL = "emulated x86-avx2"


@pytest.fixture(scope="module")
def judged(models, tmp_path_factory):
    """The gate's row; the benchmark is made up, since this is about accuracy."""
    from inc_mlflow.engines.onnxruntime.emulation import prepare

    try:
        prepare("x86-avx2")
    except MissingExtraError as error:
        pytest.skip(str(error))
    folder = tmp_path_factory.mktemp("ultraface")
    (folder / "remembered.py").write_text(REMEMBERED.format(models=models))
    (folder / "job.yaml").write_text(JOB.format(models=models))
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(STATE, raising=False)
        patch.setitem(os.environ, "PYTHONDONTWRITEBYTECODE", "1")
        return verdict(Job.load(folder / "job.yaml"), folder)


def verdict(job: Job, folder: Path):
    inputs = {name: folder / name for name in ("baseline", "champion", "candidates")}
    import_model(job, inputs["baseline"])
    ChampionRecord(reachable=True).save(inputs["champion"])
    calibrate(job, folder / "ranges", baseline=inputs["baseline"])
    quantize(job, inputs["candidates"], baseline=inputs["baseline"], ranges=folder / "ranges")
    record = evaluate(job, folder / "evaluation", **inputs)
    labels = [one.label for one in CandidatesRecord.load(inputs["candidates"]).candidates]
    save_benchmark(
        folder / "benchmark", record.evidence, dict.fromkeys(labels, Interval(value=1.2, low=1.1, high=1.3))
    )
    assert EvaluationRecord.load(folder / "evaluation" / "x86-avx2").evidence.pool == POOL
    judged = gate(job, folder / "judgement", **inputs, records=[folder / "evaluation", folder / "benchmark"])
    return judged.best()


def test_without_protection_the_loss_is_visible_and_fails_with_the_pool_named(judged):
    native, emulated = (judged.per_pool[pool] for pool in ("local", POOL))
    assert native.accuracy.value > 0.985
    assert 0.85 < emulated.accuracy.value < 0.92
    assert (judged.verdict, emulated.verdict) == ("fail", "fail")
    assert native.verdict != "fail"
    (reason,) = (reason for reason in judged.reasons if POOL in reason)
    assert reason.startswith(f"on {POOL}: agreement drops by ")
    assert ", at least " in reason
