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
from tests.real.jobs import ULTRAFACE, remembered
from tests.support.gate_measurements import save_benchmark

pytestmark = [pytest.mark.real, pytest.mark.slow]

JOB = ULTRAFACE + "pools: [local, {{emulate: x86-avx2}}]\n"
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
    (folder / "job.yaml").write_text(remembered(JOB.format(models=models), models, folder))
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
