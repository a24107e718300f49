"""`benchmark`: in layouts of several instances no numbers from a busy machine, and on one core bounds that
hold there too."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from inc_mlflow.measure.timing import cpu_time as bench
from inc_mlflow.measure.timing import disturbance, rounds
from inc_mlflow.measure.timing.repeatability import BUSY_CACHE, BUSY_CACHE_REPEATABILITY
from inc_mlflow.spec import Job

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
CPUS = sorted(os.sched_getaffinity(0))
HOG = "import os, sys\nos.sched_setaffinity(0, {int(sys.argv[1])})\nprint(flush=True)\nwhile True: pass"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(len(CPUS) < 2, reason="needs two CPUs")]


@pytest.fixture
def hogs():
    """Two busy loops, bound to the CPUs that two instances get."""
    busy = [
        subprocess.Popen([sys.executable, "-S", "-c", HOG, str(cpu)], stdout=subprocess.PIPE)
        for cpu in CPUS[-2:]
    ]
    for process in busy:
        process.stdout.readline()
    yield
    for process in busy:
        process.kill()
        process.communicate()


@pytest.mark.long
def test_five_benchmarks_agree_in_at_least_nine_of_ten_pairs_of_intervals(answer, work):
    recipe = json.dumps({"method": "static"})
    answer("quantize", work.job, "--recipe", recipe, "-o", work.folder / "int8.onnx")
    work.set("benchmark", {"layout": "2ins"})
    measure = runpy.run_path(str(BENCHMARKS / "repeatability.py"))["measure"]
    try:
        result = measure(Job.load(work.job), work.folder / "fp32.onnx", work.folder / "int8.onnx", 5)
    except SystemExit as busy:
        pytest.skip(str(busy))
    assert int(result["overlapping_pairs"].removesuffix(" of 10")) >= 9, result


@pytest.mark.long
@pytest.mark.parametrize("model", ["small", "large"])
@pytest.mark.parametrize("load", ["hog", "copier"])
def test_five_benchmarks_on_one_core_agree_beside_others_work(model, load, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    result = runpy.run_path(str(BENCHMARKS / "contention.py"))["measure"](tmp_path, model, load, 5)
    assert result["invalid"] == 0
    assert int(result["overlapping_pairs"].removesuffix(" of 10")) >= 9, result


@pytest.fixture
def few_rounds(monkeypatch):
    for module in (rounds, disturbance):
        monkeypatch.setattr(module, "NEEDED", 3)
    monkeypatch.setattr(rounds, "MOST_ROUNDS", 9)


@pytest.fixture
def benchmark(call, work, few_rounds):
    def run(**settings):
        work.set("benchmark", settings)
        models = ["--baseline", work.folder / "fp32.onnx", "--candidate", work.folder / "fp32.onnx"]
        code, out, err = call("benchmark", work.job, *models, "--json")
        return code, json.loads(out), err

    return run


@pytest.mark.parametrize(
    "settings", [{}, {"scenario": "arrival_rate", "rate": 2000.0}], ids=["throughput", "arrival_rate"]
)
def test_busy_loops_on_the_same_cpus_leave_no_number(benchmark, hogs, settings):
    code, result, err = benchmark(layout="2ins", **settings)
    assert code == 4
    assert result["valid"] is False
    assert (result["speedup"], result["baseline"], result["candidate"]) == (None, None, None)
    assert any("other processes" in reason for reason in result["reasons"]), result["reasons"]
    assert result["layout"] == "1s1c2ins1bs"
    assert result["conditions"]["rounds"]["clean"] < 3
    assert err.startswith(f"layout 1s1c2ins1bs on CPUs {CPUS[-1]} | {CPUS[-2]} ")


def test_busy_loops_make_the_bounds_of_one_core_wider_and_are_told(benchmark, hogs, monkeypatch):
    monkeypatch.setattr(bench, "SECONDS", 1.0)
    monkeypatch.setattr(bench, "GENERATIONS", 2)
    code, result, _ = benchmark(layout="1c1ins")
    assert (code, result["valid"], result["clock"]) == (0, True, "process CPU time")
    assert np.mean(result["conditions"]["neighbours"]) > BUSY_CACHE
    ratio = result["speedup"]
    assert np.log(ratio["high"] / ratio["low"]) > 2 * 1.645 * BUSY_CACHE_REPEATABILITY
    assert ratio["low"] < 1 < ratio["high"]


@pytest.mark.quiet
@pytest.mark.parametrize(
    "settings",
    [
        {"layout": "2ins"},
        {"layout": "1s2c1ins2bs"},
        {"layout": "1c1ins", "scenario": "arrival_rate", "rate": 2000.0},
    ],
    ids=["instances", "cores", "arrivals"],
)
def test_a_model_is_as_fast_as_itself_where_the_machine_is_quiet(benchmark, settings):
    """Under other load it says so, which is right too; the numbers are then checked by nobody."""
    code, result, _ = benchmark(**settings)
    assert code == (0 if result["valid"] else 4)
    assert result["clock"] == "wall time"
    assert result["conditions"]["settings"]["intra_op_threads"] == (2 if "2c" in settings["layout"] else 1)
    if not result["valid"]:
        pytest.skip(f"other load: {result['reasons']}")
    assert result["speedup"]["low"] <= 1.05
    assert result["speedup"]["high"] >= 0.95
    speed = result["candidate"]
    assert 0 < speed["p50_ms"] <= speed["p90_ms"] <= speed["p99_ms"] <= speed["p99_9_ms"]
    assert len(speed["instance_rss_bytes"]) == len(result["conditions"]["plan"]["cpus"])
    if result["conditions"]["rate"]:
        assert speed["samples_per_second"] == pytest.approx(2000, rel=0.25)
