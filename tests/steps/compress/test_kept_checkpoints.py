"""On a cluster checkpoints are copied beside the bundle: a killed training goes on in another pod, to the same bytes."""

import shutil
import signal
import subprocess
import sys
import time

import pytest

from inc_mlflow.files import sha256_file
from inc_mlflow.pipelines.bundle import bundle
from inc_mlflow.remote import mirror
from inc_mlflow.steps.compress.quantize import quantize
from inc_mlflow.steps.prepare.calibrate import calibrate
from inc_mlflow.steps.prepare.import_model import import_model
from inc_mlflow.steps.step import load_job
from tests.steps.compress.test_training import job_of

torch = pytest.importorskip("torch")
Trainer = pytest.importorskip("inc_mlflow.training.trainer").Trainer

STEPS = 125
SETTINGS = ", batch: 8, checkpoint: 1, loss: distillation"
POD = """
import sys
from pathlib import Path
from tests.steps.compress.test_kept_checkpoints import candidate
candidate(Path(sys.argv[1]), sys.argv[2])
"""


def candidate(folder, out):
    """Do a pod's work: it knows the job's text and what the tasks before have made."""
    mirror.SECONDS = 0.02
    job = load_job((folder / "job.json").read_text(), "")
    record = quantize(job, folder / out, baseline=folder / "baseline", ranges=folder / "ranges")
    assert not record.rejected, record.rejected
    return sha256_file(folder / out / "1" / "model.onnx")


@pytest.fixture
def submitted(tmp_path):
    """A folder with the job as a cluster gets it, and what its first tasks made."""
    job = bundle(job_of(tmp_path, more=SETTINGS), f"file://{tmp_path}/store", print)
    import_model(job, tmp_path / "baseline")
    calibrate(job, tmp_path / "ranges", baseline=tmp_path / "baseline")
    (tmp_path / "job.json").write_text(job.spec.to_text())
    return tmp_path


def step_reached(folder):
    """The step of the checkpoint in the store; 0 without one."""
    found = list(folder.glob("store/inc-mlflow/training/*/candidates/*/checkpoint.pt"))
    return torch.load(found[0], weights_only=True)["progress"]["step"] if found else 0


def test_a_killed_pod_goes_on_in_another_one_to_the_same_bytes(submitted, monkeypatch):
    first = subprocess.Popen([sys.executable, "-c", POD, submitted, "first"])
    while first.poll() is None and not step_reached(submitted):
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    assert first.wait() == -signal.SIGKILL
    reached = step_reached(submitted)
    assert 0 < reached < STEPS

    taken, step = [], Trainer._step
    monkeypatch.setattr(Trainer, "_step", lambda *given: taken.append(1) or step(*given))
    monkeypatch.setattr(mirror, "SECONDS", mirror.SECONDS)  # a pod's own changes it
    second = candidate(submitted, "second")
    assert len(taken) == STEPS - reached
    assert step_reached(submitted) == STEPS

    shutil.rmtree(submitted / "store" / "inc-mlflow" / "training")
    assert candidate(submitted, "undisturbed") == second
    assert len(taken) == 2 * STEPS - reached


def test_a_submitted_job_that_is_finished_trains_no_step_again(submitted, monkeypatch):
    monkeypatch.setattr(mirror, "SECONDS", mirror.SECONDS)
    first = candidate(submitted, "first")
    monkeypatch.setattr(Trainer, "_step", lambda *_: pytest.fail("a step was taken"))
    assert candidate(submitted, "again") == first
