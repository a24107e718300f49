"""Distillation as a stage of a job: a student in the model's place, behind pruning, killed and gone on."""

import signal
import subprocess
import sys
import time

import pytest

from inc_mlflow.spec import Job
from inc_mlflow.steps.compress.quantize import quantize
from inc_mlflow.steps.compress.train import train
from inc_mlflow.steps.data import user_files
from inc_mlflow.steps.prepare.calibrate import calibrate
from inc_mlflow.steps.prepare.import_model import import_model
from inc_mlflow.steps.step import STATE
from tests.steps.compress.test_train import STEPS
from tests.support.stage_jobs import HEAD, write_stage_job

pytest.importorskip("torch")
STUDENT = """
import torch
from torch import nn

def small():
    module = nn.Sequential(
        nn.Conv2d(1, 6, 3, 1, 1), nn.ReLU(), nn.Conv2d(6, 6, 3, 2, 1), nn.ReLU(),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 4),
    )
    return module, {"input": torch.zeros(2, 1, 8, 8)}
"""
JOB = (
    HEAD
    + """training: {epochs: 4, batch: 16, learning_rate: 0.01, checkpoint: 3}
recipes:
- {method: static}
- [{method: distill, student: "student.py:small", layers: {"0": "0"}}, {method: static}]
- [{method: prune, pattern: channel, sparsity: 0.5}, {method: distill}, {method: static}]
"""
)


@pytest.fixture
def job(tmp_path):
    (tmp_path / "student.py").write_text(STUDENT)
    return Job.load(write_stage_job(tmp_path, JOB))


def stage(job, folder, number, previous):
    inputs = {"baseline": folder / "baseline", "previous": folder / previous, "stage": str(number)}
    return train(job, folder / f"stage_{number}", **inputs)


def test_students_and_pruned_modules_become_candidates(job, tmp_path):
    dense = import_model(job, tmp_path / "baseline")
    calibrate(job, tmp_path / "ranges", baseline=tmp_path / "baseline")
    student = stage(job, tmp_path, 1, "baseline")
    pruned = stage(job, tmp_path, 2, "baseline")
    mended = stage(job, tmp_path, 3, "stage_2")
    assert student.stage.source["torch"] == "student.py:small"
    assert student.framework_source.parity[0].relative_difference < 1e-4
    assert student.baselines[0].model_bytes < 0.5 * dense.baselines[0].model_bytes
    assert "the student has" in student.notes[0]
    assert "of the teacher's parameters; on tuning it scores" in student.notes[0]
    assert mended.stage.distillation.parameters_of_student == pruned.stage.pruning.parameters_after
    assert mended.stage.distillation.parameters_of_teacher == pruned.stage.pruning.parameters_before
    found = quantize(
        job,
        tmp_path / "candidates",
        baseline=tmp_path / "baseline",
        ranges=tmp_path / "ranges",
        stages=[tmp_path / f"stage_{number}" for number in (1, 2, 3)],
    )
    assert found.rejected == ()
    static, small, chained = found.candidates
    assert max(small.size_bytes, chained.size_bytes) < static.size_bytes


def test_a_student_s_code_is_part_of_what_results_depend_on(job):
    assert job.root / "student.py" in user_files(job)


def test_a_distillation_that_is_killed_goes_on_and_ends_the_same(job, tmp_path, monkeypatch):
    monkeypatch.setenv(STATE, str(tmp_path / "whole"))
    import_model(job, tmp_path / "first" / "baseline")
    undisturbed = stage(job, tmp_path / "first", 1, "baseline")
    monkeypatch.setenv(STATE, str(tmp_path / "killed"))
    command = [sys.executable, "-c", STEPS, str(job.root / "job.yaml"), str(tmp_path / "second")]
    with subprocess.Popen(command) as process:
        end = time.monotonic() + 120
        while (
            not any((tmp_path / "killed").glob("training/1-*/checkpoint.pt"))
            and process.poll() is None
            and time.monotonic() < end
        ):
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    import_model(job, tmp_path / "second" / "baseline")
    resumed = stage(job, tmp_path / "second", 1, "baseline")
    assert resumed.model_sha256 == undisturbed.model_sha256
    assert resumed.stage == undisturbed.stage
