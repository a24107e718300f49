"""An emulated pool from the job to the verdict, and `evaluate --isa`, on the digits example."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from inc_mlflow.engines.onnxruntime.emulation import prepare
from inc_mlflow.engines.onnxruntime.emulation.needs import missing
from inc_mlflow.errors import DataError
from inc_mlflow.hardware.isa import PROFILES
from inc_mlflow.hardware.isa.profiles import NAME
from inc_mlflow.records import (
    CandidatesRecord,
    ChampionRecord,
    EvaluationRecord,
    EvaluationShardRecord,
    Interval,
)
from inc_mlflow.spec import Job, JobSpec
from inc_mlflow.steps import failure
from inc_mlflow.steps.compress.quantize import quantize
from inc_mlflow.steps.judge.gate import gate
from inc_mlflow.steps.measure.evaluate import evaluate
from inc_mlflow.steps.measure.evaluate_shards import evaluate_shard, merge_evaluations
from inc_mlflow.steps.prepare.calibrate import calibrate
from inc_mlflow.steps.prepare.import_model import import_model
from inc_mlflow.steps.step import STATE
from tests.support.gate_measurements import save_benchmark
from tests.support.paths import EXAMPLE

pytestmark = pytest.mark.slow

PROGRAM = Path(sys.executable).with_name("inc-mlflow")
POOL = "emulated x86-avx2"
METRIC = """
import os
import numpy as np

def right(outputs, labels, reference):
    os.write(1, b"NOISE")
    print("NOISE")
    return (outputs["logits"].argmax(1) == labels).astype(float)
"""
JOB = {
    "version": 1,
    "name": "digits",
    "model": "fp32.onnx",
    "data": {"calibration": {"path": "calib.npz", "samples": 50}, "validation": {"path": "dev.npz"}},
    "metric": {"callable": "metric.py:right"},
    "recipes": [{"method": "static"}],
    "pools": ["local", {"emulate": "x86-avx2"}],
}


@pytest.fixture(scope="module")
def job(python_as, tmp_path_factory):
    folder = tmp_path_factory.mktemp("digits")
    for name in ("fp32.onnx", "calib.npz", "dev.npz"):
        shutil.copyfile(EXAMPLE / name, folder / name)
    (folder / "metric.py").write_text(METRIC)
    (folder / "job.yaml").write_text(json.dumps(JOB))
    return Job.load(folder / "job.yaml")


@pytest.fixture(scope="module")
def steps(job, tmp_path_factory):
    """Directories of all steps that the gate reads; the benchmark is made up."""
    folder = tmp_path_factory.mktemp("steps")
    names = ("baseline", "champion", "ranges", "candidates", "evaluation", "benchmark")
    places = {name: folder / name for name in names}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(STATE, raising=False)
        import_model(job, places["baseline"])
        ChampionRecord(reachable=True).save(places["champion"])
        calibrate(job, places["ranges"], baseline=places["baseline"])
        quantize(job, places["candidates"], baseline=places["baseline"], ranges=places["ranges"])
        inputs = {name: places[name] for name in ("baseline", "champion", "candidates")}
        record = evaluate(job, places["evaluation"], **inputs)
    (label,) = (one.label for one in CandidatesRecord.load(places["candidates"]).candidates)
    save_benchmark(places["benchmark"], record.evidence, {label: Interval(value=2.0, low=1.9, high=2.1)})
    return places | {"inputs": inputs}


def judged(job, steps, target, evaluation=None):
    return gate(
        job, target, **steps["inputs"], records=[evaluation or steps["evaluation"], steps["benchmark"]]
    )


def test_record_and_outcomes_of_the_emulated_pool_are_bound_to_the_evaluation(steps):
    local = EvaluationRecord.load(steps["evaluation"])
    emulated = EvaluationRecord.load(steps["evaluation"] / "x86-avx2")
    assert (local.evidence.pool, emulated.evidence.pool) == ("local", POOL)
    assert emulated.evidence.host.isa == ("avx2",)
    assert (emulated.evidence.models, emulated.evidence.data_sha256) == (
        local.evidence.models,
        local.evidence.data_sha256,
    )
    assert local.emulated == {"x86-avx2": emulated.identity()}
    assert local.identity() != local.model_copy(update={"emulated": {}}).identity()
    assert emulated.seconds > 0


def test_the_verdict_has_the_accuracy_of_both_pools_and_the_speed_of_the_real_one(job, steps, tmp_path):
    row = judged(job, steps, tmp_path).best()
    assert list(row.per_pool) == ["local", POOL]
    assert row.per_pool[POOL].speedup is None
    assert row.per_pool[POOL].accuracy is not None
    assert row.speedup == row.per_pool["local"].speedup == Interval(value=2.0, low=1.9, high=2.1)
    assert [reason.partition(": ")[0] for reason in row.reasons] == ["on local", "on local", f"on {POOL}"]


def test_shards_merge_to_the_same_on_both_pools(job, steps, tmp_path):
    shards = [tmp_path / "1", tmp_path / "2"]
    for number, target in enumerate(shards, 1):
        evaluate_shard(job, target, **steps["inputs"], shard=f"{number}/2")
    merge_evaluations(job, tmp_path / "merged", shards=shards)
    for place in ("", "x86-avx2"):
        merged, whole = tmp_path / "merged" / place, steps["evaluation"] / place
        assert (merged / "outcomes.npz").read_bytes() == (whole / "outcomes.npz").read_bytes()
        assert EvaluationRecord.load(merged).identity() == EvaluationRecord.load(whole).identity()
    change = EvaluationShardRecord.load(shards[0] / "x86-avx2").model_copy(update={"higher_is_better": False})
    change.save(shards[0] / "x86-avx2")
    with pytest.raises(DataError, match=r"1/x86-avx2: changed since it was measured; evaluate again$"):
        merge_evaluations(job, tmp_path / "changed", shards=shards)


@pytest.mark.parametrize("file", ["record.json", "outcomes.npz"])
def test_an_emulated_result_that_changed_is_refused(job, steps, tmp_path, file):
    copy = tmp_path / "evaluation"
    shutil.copytree(steps["evaluation"], copy)
    place = copy / "x86-avx2" / file
    if file == "record.json":
        place.write_text(place.read_text().replace('"rows": 500', '"rows": 499'))
    else:
        np.savez(place, **{"0": np.ones(500), "1": np.ones(500)})
    with pytest.raises(DataError, match=r"x86-avx2.*changed since it was measured; "):
        judged(job, steps, tmp_path / "judged", copy)


def test_a_pool_that_was_not_evaluated_is_not_passed_over(job, steps, tmp_path):
    other = Job(
        JobSpec.from_text(json.dumps(JOB | {"pools": ["local", {"emulate": "x86-avx512"}]})), job.root
    )
    with pytest.raises(
        DataError, match="asks for the pools local, emulated x86-avx512; there are records of local, emu"
    ):
        judged(other, steps, tmp_path)


def test_an_evaluation_of_the_emulated_pool_never_stands_for_the_real_one(job, steps, tmp_path):
    only = Job(JobSpec.from_text(json.dumps(JOB | {"pools": ["local"]})), job.root)
    with pytest.raises(DataError, match="no evaluation of local"):
        judged(only, steps, tmp_path, steps["evaluation"] / "x86-avx2")


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, "emulation: this process is not told which CPU to be; nothing was measured"),
        (
            {NAME: "x86-avx2"},
            "emulation of x86-avx2: onnxruntime was not asked through the handler; nothing was measured",
        ),
        (
            "x86-vnni",
            "emulation of x86-avx2: its kernels do not saturate, that CPU's do otherwise; nothing was "
            "measured",
        ),
    ],
)
def test_a_process_that_is_not_what_its_name_says_measures_nothing(
    job, tmp_path, python_as, environment, says
):
    if isinstance(environment, str):
        if missing(PROFILES["x86-vnni"]):
            pytest.skip("this CPU has no VNNI to emulate")
        environment = prepare(environment) | {NAME: "x86-avx2"}
    files = {"failure": str(tmp_path / "failure.json"), "target": str(tmp_path), "parent": os.getpid()}
    models = [{"engine": "onnxruntime"}]
    request = {"job": job.spec.to_text(), "root": str(job.root), "models": models, "split": "validation"}
    command = [sys.executable, "-m", "inc_mlflow.steps.measure.emulated_process"]
    clean = {name: value for name, value in os.environ.items() if name != NAME} | environment
    done = subprocess.run(
        command, input=json.dumps(request | files), text=True, env=clean, capture_output=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert str(failure.load(tmp_path / "failure.json")) == says
    assert [path.name for path in tmp_path.iterdir()] == ["failure.json"]


def test_a_request_without_a_model_measures_nothing(job, tmp_path):
    request = {"job": job.spec.to_text(), "root": str(job.root), "models": [], "split": "validation"}
    request |= {"failure": str(tmp_path / "failure.json"), "target": str(tmp_path), "parent": os.getpid()}
    command = [sys.executable, "-m", "inc_mlflow.steps.measure.emulated_process"]
    done = subprocess.run(
        command,
        input=json.dumps(request),
        text=True,
        env=os.environ | {NAME: "x86-avx2"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    says = "emulation: the request names no model; nothing was measured"
    assert str(failure.load(tmp_path / "failure.json")) == says


def program(*arguments):
    return subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False)


def test_evaluate_as_another_cpu_answers_with_its_name_and_nothing_else_on_standard_output(job, steps):
    model = next(steps["candidates"].glob("*/model.onnx"))
    done = program("evaluate", job.root / "job.yaml", "--model", model, "--isa", "x86-avx2", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert list(answer) == [
        "metric",
        "value",
        "n",
        "model_sha256",
        "data_sha256",
        "seconds",
        "isa",
        "pool",
        "host",
    ]
    assert (answer["isa"], answer["pool"], answer["host"]["isa"]) == ("x86-avx2", POOL, ["avx2"])
    assert answer["n"] == 500
    assert "NOISE" in done.stderr


def test_what_the_emulated_process_refuses_is_one_line(job):
    done = program(
        "evaluate", job.root / "job.yaml", "--model", job.model, "--isa", "x86-avx2", "--split", "tuning"
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert [
        line for line in done.stderr.splitlines() if line.startswith("inc-mlflow: ")
    ] == done.stderr.splitlines()
    assert "tuning" in done.stderr
