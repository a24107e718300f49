"""Instances as real processes: where they run, that they end, that two do twice the work, that queues
grow."""

import os
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import psutil
import pytest

from inc_mlflow.errors import ModelError
from inc_mlflow.hardware.counters import LoadMeter
from inc_mlflow.measure.timing import rounds
from inc_mlflow.measure.timing.instance import Instance, InstanceGroup
from inc_mlflow.measure.timing.rounds import poisson, run_rounds
from inc_mlflow.measure.timing.worker import ANY, save_batches
from tests.support.paths import EXAMPLE

MODEL = EXAMPLE / "fp32.onnx"
CPUS = sorted(os.sched_getaffinity(0))
two_cpus = pytest.mark.skipif(len(CPUS) < 2, reason="needs two CPUs")
PARENT = """
import sys, time
from inc_mlflow.measure.timing.instance import InstanceGroup
with InstanceGroup([sys.argv[1].split("|")] * 2, threads=1) as group:
    print(*(instance.pid for instance in group.instances), flush=True)
    group.run(60)
"""
ELSEWHERE = """
import sys, threading, time
from inc_mlflow.measure.timing import worker as instance
def work():
    end = time.thread_time() + 0.005
    while time.thread_time() < end: pass
def engine(batch):
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
class Engine:
    load = staticmethod(lambda *_: engine)
instance.ENGINES = {"onnxruntime": Engine}
sys.exit(instance.main(*sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def batches(tmp_path_factory):
    path = tmp_path_factory.mktemp("batches") / "batches.npz"
    with np.load(MODEL.with_name("calib.npz")) as archive:
        save_batches(path, [{"image": image[None]} for image in archive["image"][:16]])
    return path


@pytest.fixture
def command(batches):
    return lambda *cpus: [
        sys.executable,
        "-m",
        "inc_mlflow.measure.timing.worker",
        "onnxruntime",
        str(MODEL),
        str(batches),
        ",".join(map(str, cpus)) or ANY,
    ]


def threads(pid):
    """CPUs that each thread of a process is bound to."""
    return {
        int(folder.name): os.sched_getaffinity(int(folder.name))
        for folder in Path(f"/proc/{pid}/task").iterdir()
    }


def test_one_pass_is_one_call_per_batch_with_cpu_time_within_wall_time(command):
    with Instance(command(CPUS[-1])) as instance:
        calls = instance.ask({"passes": 2})
        assert calls.shape == (32, 4)
        assert (calls[:, 3] <= (calls[:, 2] - calls[:, 1])).all()
        assert threads(instance.pid)[instance.pid] == {CPUS[-1]}
    assert (
        not psutil.pid_exists(instance.pid) or psutil.Process(instance.pid).status() == psutil.STATUS_ZOMBIE
    )


def test_the_peak_memory_is_the_instances_own_and_not_its_parents(command):
    held = np.ones(40_000_000)  # 320 MB
    with Instance(command()) as instance:
        instance.ask({"passes": 1})
        now = psutil.Process(instance.pid).memory_info().rss
        assert 0.9 * now < instance.peak_rss_bytes < 250e6 < held.nbytes


def test_cpu_time_is_that_of_all_threads_of_an_instance(command):
    """An engine whose work runs in a thread of its own: the calling one only waits for it."""
    with Instance([sys.executable, "-c", ELSEWHERE, *command(CPUS[-1])[3:]]) as instance:
        calls = instance.ask({"passes": 1})
    assert (calls[:, 3] >= 0.005).all()


@two_cpus
def test_each_thread_of_an_instance_has_a_cpu_of_its_own(command):
    with Instance(command(CPUS[1], CPUS[0])) as instance:
        instance.ask({"passes": 1})
        places = threads(instance.pid)
        assert places.pop(instance.pid) == {CPUS[1]}
        assert {CPUS[0]} in places.values()


def test_an_instance_bound_to_no_cpu_runs_anywhere(command):
    with Instance(command()) as instance:
        assert len(instance.ask({"passes": 1})) == 16
        assert threads(instance.pid)[instance.pid] == set(CPUS)


def test_a_model_that_cannot_be_loaded_is_told(command, tmp_path):
    arguments = command()
    arguments[4] = str(tmp_path / "none.onnx")
    with (
        Instance(arguments) as instance,
        pytest.raises(ModelError, match=r"none\.onnx: onnxruntime cannot load it"),
    ):
        instance.ask({"passes": 1})


@pytest.mark.parametrize("seconds", [0.0, 2.0], ids=["while they start", "while they run"])
def test_a_killed_parent_leaves_no_instances_behind(command, seconds):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, "|".join(command(CPUS[-1]))], stdout=subprocess.PIPE, text=True
    )
    instances = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
    assert len(instances) == 2
    time.sleep(seconds)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    _, alive = psutil.wait_procs(instances, timeout=20)
    for process in alive:
        process.kill()
    assert alive == []


def test_a_rate_above_capacity_makes_a_queue_that_one_below_does_not(command):
    with InstanceGroup([command(CPUS[-1])], threads=1) as group:
        seconds = group.warm_up()
        calm = group.serve(poisson(0.05 / seconds, 0.2, 1, 0))
        flooded = group.serve(poisson(3 / seconds, 0.2, 1, 0))
    assert calm.unserved() == 0
    assert len(calm.latencies()) == calm.arrivals
    assert flooded.demand() > 1
    assert np.median(flooded.latencies()) > 20 * seconds
    assert np.median(flooded.latencies()) > 3 * np.median(calm.latencies())


@pytest.mark.quiet
@pytest.mark.slow
@two_cpus
def test_two_instances_on_two_cores_do_more_than_1_7_times_the_work_of_one(command, monkeypatch):
    """Interleaved in one run.

    Rounds that other load disturbed prove nothing, and with too few others the test skips.
    """
    monkeypatch.setattr(rounds, "NEEDED", 5)
    monkeypatch.setattr(rounds, "MOST_ROUNDS", 16)
    with ExitStack() as stack:
        places = {"one": CPUS[-1:], "two": CPUS[-2:]}
        groups = {
            name: stack.enter_context(InstanceGroup([command(cpu) for cpu in cpus], 1))
            for name, cpus in places.items()
        }
        pids = [instance.pid for group in groups.values() for instance in group.instances]
        done = run_rounds(
            groups, None, lambda: LoadMeter(pids, CPUS[-2:], ()), lambda _: True, lambda numbers, _: numbers
        )
    ratios = [one.turns["two"].pace() / one.turns["one"].pace() for one in done if one.clean]
    if len(ratios) < rounds.NEEDED:
        pytest.skip(
            f"other processes disturbed {len(done) - len(ratios)} of {len(done)} rounds on CPUs {CPUS[-2:]}"
        )
    assert np.exp(np.mean(np.log(ratios))) >= 1.7
