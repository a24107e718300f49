"""Several machines without Kubeflow: each measures in the name of its pool, and `gate` joins what they
left."""

import json
import platform

import pytest

pytestmark = pytest.mark.slow
POOLS = f"""
version: 1
pools:
  one: {{expect: {{arch: {platform.machine()}}}}}
  two: {{expect: {{arch: {platform.machine()}}}}}
  other: {{expect: {{lacks: [{"avx2" if platform.machine() == "x86_64" else "asimd"}]}}}}
  gpu: {{expect: {{arch: {platform.machine()}}}, provider: CUDAExecutionProvider, role: accuracy_only}}
"""


@pytest.fixture
def job(work):
    """The digits job on two pools that this machine is, one that it is not, and one of GPUs."""
    work.write("pools.yaml", POOLS)
    work.set("placement", "pools.yaml")
    work.set("pools", ["one", "two", "other", "gpu"])
    return work


@pytest.fixture
def int8(answer, job):
    path = job.folder / "int8.onnx"
    answer("quantize", job.job, "--recipe", '{"method": "static"}', "-o", path)
    return path


def test_gate_joins_what_two_pools_measured_and_each_number_has_its_pool(call, answer, job, int8):
    places = []
    for pool in ("one", "two"):
        for command, option in (("evaluate", "--model"), ("benchmark", "--candidate")):
            places.append(job.folder / "measured" / f"{command}-{pool}")
            result = answer(command, job.job, option, int8, "--pool", pool, "-o", places[-1])
            assert result["record"] == str(places[-1])
            record = json.loads((places[-1] / "record.json").read_text())
            assert (record["evidence"]["pool"], record["evidence"]["provider"]) == (
                pool,
                "cpu",
            )
            assert record["seconds"] > 0
    code, out, err = call("gate", *places, "--json")
    judged = json.loads(out)
    assert (code, err) == ({"pass": 0, "fail": 3, "inconclusive": 4}[judged["verdict"]], "")
    assert list(judged["best"]["per_pool"]) == ["one", "two"]
    assert all(pool["accuracy"] and pool["speedup"] for pool in judged["best"]["per_pool"].values())
    code, _, err = call("gate", *places[:3])
    assert code == 2, "the speed of a pool is missing"
    assert "'two'" in err


def test_a_baseline_of_ones_own_must_be_that_of_both_measurements(call, answer, job, int8):
    evaluation, benchmark, source = (
        job.folder / "evaluation",
        job.folder / "benchmark",
        job.folder / "fp32.onnx",
    )
    answer("benchmark", job.job, "--baseline", source, "--candidate", int8, "-o", benchmark)
    answer("evaluate", job.job, "--model", int8, "-o", evaluation)
    assert "is about other models" in call("gate", evaluation, benchmark)[2]
    answer("evaluate", job.job, "--model", int8, "--baseline", source, "-o", evaluation)
    assert call("gate", evaluation, benchmark)[0] != 2


@pytest.mark.parametrize("command", ["evaluate", "benchmark"])
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--pool", "other"], "pools: 'other' expects no "),
        (
            ["--pool", "gpu"],
            ("nvidia-smi: ", "provider: ", "pools: 'gpu' runs models by cuda"),
        ),
        (["--pool", "tow"], "--pool: no 'tow', did you mean 'two'?; the job has one, two, other, gpu"),
        (["--pool", "local"], "--pool: no 'local'; the job has one, two, other, gpu"),
    ],
)
def test_nothing_is_measured_in_the_name_of_a_pool_that_this_is_not(call, job, command, options, message):
    out = job.folder / "out"
    model = ["--model" if command == "evaluate" else "--candidate", job.folder / "fp32.onnx"]
    code, printed, err = call(command, job.job, *model, *options, "-o", out)
    assert (code, printed) == (2, "")
    assert err.splitlines()[-1].removeprefix("inc-mlflow: ").startswith(message)
    assert not list(out.glob("*"))


def test_a_measurement_does_not_take_the_place_of_one_of_another_kind(call, answer, job):
    model, out = job.folder / "fp32.onnx", job.folder / "out"
    for _ in range(2):
        answer("evaluate", job.job, "--model", model, "-o", out)
    code, _, err = call("benchmark", job.job, "--candidate", model, "-o", out)
    assert code == 2
    assert err.splitlines()[-1].endswith("out: holds the record of another step; give a directory of its own")


def test_an_emulated_cpu_is_no_pool(call, job):
    code, _, err = call(
        "evaluate", job.job, "--model", job.folder / "fp32.onnx", "--isa", "x86-avx2", "--pool", "one"
    )
    assert (code, err) == (
        2,
        "inc-mlflow: --isa: this machine emulates a CPU, which is no pool; leave --pool out\n",
    )


def test_a_job_for_other_machines_is_refused_here_before_any_work(refused, job):
    refused(
        "run",
        job.job,
        holds=("pools: 'other' expects no ", "submit the job to a cluster, or write pools: [local]"),
    )
    assert not job.state.exists()
