"""A stage whose steps several processes share: the same bytes after a kill and in pods, and one line for errors."""

import os
import signal
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import psutil
import pytest
import yaml

from inc_mlflow.errors import CallableError, KilledError, SpecError
from inc_mlflow.files import sha256_file
from inc_mlflow.pipelines.bundle import bundle
from inc_mlflow.records import StageFacts
from inc_mlflow.spec import Job, JobSpec, PoolSpec
from inc_mlflow.spec.stages import stages_of
from inc_mlflow.steps.baselines import converted_file
from inc_mlflow.steps.compress import train_apart as apart
from inc_mlflow.steps.prepare.import_model import import_model
from inc_mlflow.steps.step import load_job
from tests.support.stage_jobs import write_stage_job
from tests.support.trainjobs import POOL, documented, refused

pytest.importorskip("torch")
JOB = """
version: 1
name: shared
model: {torch: "modules.py:cnn", weights: w.safetensors}
data:
  training: {path: rows.npz, stop: 192}
  tuning: {path: rows.npz, start: 192, stop: 256}
  validation: {path: rows.npz, start: 256}
metric: top1
training:
  {epochs: 2, batch: 16, learning_rate: 0.005, checkpoint: 2, callable: "losses.py:slow",
   processes: 2, nodes: 2, deadline: 7200}
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


@dataclass(frozen=True)
class Stage:
    """The first stage of a job, whose files are in a bundle, and its baseline."""

    job: Job
    baseline: Path
    folder: Path

    def train(self, name: str, checkpoints: str, **changed: object) -> StageFacts:
        """Train as the step does; the module is in the folder ``name``."""
        job = replace(self.job, **changed)
        kept, stage = self.folder / checkpoints, stages_of(job.spec.listed)[0]
        kept.mkdir(exist_ok=True)
        return apart.train_apart(job, stage, self.baseline, self.baseline, kept, self.folder / name)

    def module(self, name: str) -> dict[str, str]:
        return {one.name: sha256_file(one) for one in (self.folder / name).iterdir()}


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stage")
    (folder / "losses.py").write_text(LOSSES)
    job = Job.load(write_stage_job(folder, JOB))
    pool = PoolSpec.model_validate(POOL)
    job = replace(job, spec=job.spec.model_copy(update={"pools": ("intel",), "placement": {"intel": pool}}))
    spec = bundle(job, f"file://{folder}/store", lambda line: None).spec
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("INC_MLFLOW_CACHE", str(folder / "cache"))
        job = load_job(spec.to_text(), ".", "intel")
        import_model(job, folder / "baseline")
        yield Stage(replace(job, converted=converted_file(folder / "baseline")), folder / "baseline", folder)


@pytest.fixture(scope="module")
def undisturbed(stage):
    """What two processes of this machine find."""
    return stage.train("undisturbed", "first")


def processes():
    """Of those that share the training: number -> process id."""
    found = {}
    for one in psutil.Process().children(recursive=True):
        try:
            if apart.PROGRAM in one.cmdline() and "RANK" in one.environ():
                found[one.environ()["RANK"]] = one.pid
        except psutil.Error:
            continue
    return found


def kill_the_second(checkpoint, killed):
    """Kill a process once there is a checkpoint behind a few steps."""
    end = time.monotonic() + 120
    while len(processes()) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    there = processes()
    while not checkpoint.exists() and time.monotonic() < end:
        time.sleep(0.002)
    os.kill(there["1"], signal.SIGKILL)
    killed.append(there)


def test_a_killed_process_ends_all_and_the_next_run_ends_as_an_undisturbed_one(stage, undisturbed):
    assert undisturbed.training.processes == 2
    assert undisturbed.pruning.sparsity == pytest.approx(0.5, abs=0.01)
    checkpoint, killed = stage.folder / "second" / "checkpoint.pt", []
    killer = threading.Thread(target=kill_the_second, args=(checkpoint, killed))
    killer.start()
    with pytest.raises(
        KilledError, match=r"one of its processes was killed \(signal 9\).*run again to go on"
    ):
        stage.train("resumed", "second")
    killer.join()
    assert not any(psutil.pid_exists(one) for one in killed[0].values())
    assert checkpoint.exists()
    assert not (stage.folder / "resumed").exists()
    assert stage.train("resumed", "second") == undisturbed
    assert stage.module("resumed") == stage.module("undisturbed")


def test_pods_make_the_model_that_one_machine_makes(stage, undisturbed, cluster):
    output = f"file://{stage.folder}/root/run/train/trained"
    assert stage.train("there", "third", output=output) == undisturbed
    assert stage.module("there") == stage.module("undisturbed")
    ((name, posted),) = cluster.jobs.items()
    assert cluster.removed == [name]
    place = posted["spec"]["trainer"]["command"][-1]
    assert place.startswith(f"file://{stage.folder}/root/run/train/processes/")
    assert posted == documented(name, place)
    assert refused("trainjobs", posted) == []


def with_loss(job, function):
    training = job.spec.training.model_dump(mode="json", by_alias=True) | {"loss": {"callable": function}}
    return job.spec.model_copy(update={"training": type(job.spec.training).model_validate(training)})


def test_an_error_in_a_pod_is_the_error_of_the_step(stage, cluster):
    output = f"file://{stage.folder}/root/run/train/trained"
    with pytest.raises(CallableError, match=r"losses.py:\d+ in broken.*the second one cannot"):
        stage.train("broken", "fourth", output=output, spec=with_loss(stage.job, "losses.py:broken"))
    assert cluster.removed == list(cluster.jobs)


def test_a_job_without_a_bundle_is_refused_in_pods(stage):
    spec = stage.job.spec.model_copy(update={"bundle": None})
    with pytest.raises(SpecError, match=r"training.nodes: no pod sees the job's files"):
        stage.train("plain", "fifth", output="s3://bucket/root/run/train/trained", spec=spec)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("processes: 3", "processes: 3 cannot share a batch of 16 rows alike"),
        ("processes: 4, nodes: 3", "nodes: 3 cannot run 4 processes alike"),
    ],
)
def test_processes_divide_the_batch_and_nodes_the_processes(text, said):
    job = yaml.safe_load(JOB.replace("processes: 2, nodes: 2", text))
    with pytest.raises(SpecError, match=f"training: {said}"):
        JobSpec._from_mapping(job)
