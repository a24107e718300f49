"""A stage whose steps several processes share: the same bytes after a kill, and one line for what is wrong."""

import os
import shutil
import signal
import threading
import time

import psutil
import pytest
import yaml

from inc_mlflow.errors import CallableError, KilledError, SpecError
from inc_mlflow.files import sha256_file
from inc_mlflow.spec import Job, JobSpec
from inc_mlflow.steps.compress.train import train
from inc_mlflow.steps.prepare.import_model import import_model
from inc_mlflow.steps.step import STATE
from tests.support.stage_jobs import write_stage_job

pytest.importorskip("torch")
PROGRAM = "inc_mlflow.steps.compress.train_process"
JOB = """
version: 1
name: shared
model: {torch: "modules.py:cnn", weights: w.safetensors}
data:
  training: {path: rows.npz, stop: 192}
  tuning: {path: rows.npz, start: 192, stop: 256}
  validation: {path: rows.npz, start: 256}
metric: top1
training: {epochs: 3, batch: 16, learning_rate: 0.005, checkpoint: 2, processes: 2, callable: "losses.py:slow"}
recipes:
- {method: prune, pattern: 4x1, sparsity: 0.5}
"""
LOSSES = """
import os, time
from torch.nn.functional import cross_entropy

def slow(outputs, labels, reference):
    time.sleep(0.02)
    return cross_entropy(*outputs.values(), labels)

def broken(outputs, labels, reference):
    if os.environ["RANK"] == "1":
        raise ValueError("the second one cannot")
    return cross_entropy(*outputs.values(), labels)
"""


@pytest.fixture
def job(tmp_path, monkeypatch):
    """The job, and its baseline in a state folder."""
    (tmp_path / "losses.py").write_text(LOSSES)
    monkeypatch.setenv(STATE, str(tmp_path / "state"))
    (tmp_path / "state").mkdir()
    job = Job.load(write_stage_job(tmp_path, JOB))
    import_model(job, tmp_path / "baseline")
    return job


def changed(job, **training):
    data = {**job.spec.training.model_dump(mode="json", by_alias=True), **training}
    return Job(
        job.spec.model_copy(update={"training": type(job.spec.training).model_validate(data)}), job.root
    )


def stage(job, name):
    folder = job.root / "baseline"
    return train(job, job.root / name, baseline=folder, previous=folder, stage="1")


def bytes_of(job):
    found = job.root / "state"
    (folder,) = found.glob("stage_1")
    return {one.name: sha256_file(one) for one in (folder / "module").iterdir()}


def processes():
    """Of those that share the training: number -> process id."""
    found = {}
    for one in psutil.Process().children(recursive=True):
        try:
            if PROGRAM in one.cmdline() and "RANK" in one.environ():
                found[one.environ()["RANK"]] = one.pid
        except psutil.Error:
            continue
    return found


def kill_the_second(state, killed):
    """Kill a process once there is a checkpoint."""
    end = time.monotonic() + 120
    while len(processes()) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    there = processes()
    while not any(state.glob("training/1-*/checkpoint.pt")) and time.monotonic() < end:
        time.sleep(0.002)
    os.kill(there["1"], signal.SIGKILL)
    killed.append(there)


def test_a_killed_process_ends_all_and_the_next_run_ends_as_an_undisturbed_one(job):
    state, killed = job.root / "state", []
    whole = stage(job, "whole")
    assert whole.stage.training.processes == 2
    assert whole.stage.pruning.sparsity == pytest.approx(0.5, abs=0.01)
    undisturbed = bytes_of(job)
    shutil.rmtree(state / "stage_1")
    shutil.rmtree(state / "training")
    killer = threading.Thread(target=kill_the_second, args=(state, killed))
    killer.start()
    with pytest.raises(
        KilledError, match=r"one of its processes was killed \(signal 9\).*run again to go on"
    ):
        stage(job, "killed")
    killer.join()
    assert any(state.glob("training/1-*/checkpoint.pt"))
    assert not any(psutil.pid_exists(one) for one in killed[0].values())
    resumed = stage(job, "resumed")
    assert bytes_of(job) == undisturbed
    assert resumed.stage == whole.stage
    assert resumed.model_sha256 == whole.model_sha256


def test_an_error_of_one_process_is_the_error_of_the_step(job):
    with pytest.raises(CallableError, match=r"losses.py:\d+ in broken.*the second one cannot"):
        stage(changed(job, loss={"callable": "losses.py:broken"}), "broken")


def test_processes_divide_the_batch():
    job = yaml.safe_load(JOB.replace("processes: 2", "processes: 3"))
    with pytest.raises(SpecError, match="training: processes: 3 cannot share a batch of 16 rows alike"):
        JobSpec._from_mapping(job)
