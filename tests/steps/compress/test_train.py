"""Stages of chains as steps: new sources with records of their own, candidates of them, and what is not redone."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inc_mlflow.records import CandidatesRecord
from inc_mlflow.spec import Job
from inc_mlflow.steps.compress.quantize import quantize
from inc_mlflow.steps.compress.train import train
from inc_mlflow.steps.prepare.calibrate import calibrate
from inc_mlflow.steps.prepare.import_model import import_model
from inc_mlflow.steps.step import STATE
from tests.support.stage_jobs import HEAD, write_stage_job

pytest.importorskip("torch")
JOB = (
    HEAD
    + """training: {epochs: 2, batch: 16, learning_rate: 0.005, checkpoint: 3}
recipes:
- {method: static}
- [{method: prune, pattern: channel, sparsity: 0.5}, {method: static}]
- [{method: prune, pattern: channel, sparsity: 0.5}, {method: prune, pattern: 4x1, sparsity: 0.5}]
"""
)
STEPS = """
import sys
from pathlib import Path
from inc_mlflow.spec import Job
from inc_mlflow.steps.compress.train import train
from inc_mlflow.steps.prepare.import_model import import_model
job, folder = Job.load(Path(sys.argv[1])), Path(sys.argv[2])
import_model(job, folder / "baseline")
train(job, folder / "stage_1", baseline=folder / "baseline", previous=folder / "baseline", stage="1")
"""


@pytest.fixture
def job(tmp_path):
    return Job.load(write_stage_job(tmp_path, JOB))


def stage(job, folder, number, previous):
    inputs = {"baseline": folder / "baseline", "previous": folder / previous, "stage": str(number)}
    return train(job, folder / f"stage_{number}", **inputs)


def test_chains_give_candidates_of_the_models_that_their_stages_left(job, tmp_path):
    dense = import_model(job, tmp_path / "baseline")
    calibrate(job, tmp_path / "ranges", baseline=tmp_path / "baseline")
    first = stage(job, tmp_path, 1, "baseline")
    second = stage(job, tmp_path, 2, "stage_1")
    assert (first.stage.number, second.stage.number) == (1, 2)
    assert first.baselines[0].model_bytes < 0.5 * dense.baselines[0].model_bytes
    assert first.framework_source.parity[0].relative_difference < 1e-4
    assert second.stage.pruning.sparsity == pytest.approx(0.5, abs=0.01)
    assert second.stage.pruning.parameters_after == first.stage.pruning.parameters_after
    assert "% of the parameters are left" in first.notes[0]
    found = quantize(
        job,
        tmp_path / "candidates",
        baseline=tmp_path / "baseline",
        ranges=tmp_path / "ranges",
        stages=[tmp_path / "stage_1", tmp_path / "stage_2"],
    )
    assert found.rejected == ()
    assert [one.recipe["method"] for one in found.candidates] == ["static", "chain", "chain"]
    static, small, pruned = found.candidates
    assert small.size_bytes < static.size_bytes
    assert pruned.sha256 == second.model_sha256
    assert len(found.notes) == 2
    assert CandidatesRecord.load(tmp_path / "candidates") == found
    names = {one.name for one in (tmp_path / "stage_1").iterdir()}
    assert names >= {"module", "ranges", "record.json"}
    assert not any(name.startswith(".") for name in names)  # checkpoints are gone where no state keeps them


def test_zeros_of_a_stage_are_in_the_file_that_is_trained_behind_it(job, tmp_path):
    """Prune once for all: the mask is held by the training with rounding as well."""
    head = (job.root / "job.yaml").read_text().split("- {method: static}")[0]
    chain = "- [{method: prune, pattern: 4x1, sparsity: 0.5}, {method: qat, epochs: 1}]\n"
    (job.root / "job.yaml").write_text(head + chain)
    job = Job.load(job.root / "job.yaml")
    import_model(job, tmp_path / "baseline")
    calibrate(job, tmp_path / "ranges", baseline=tmp_path / "baseline")
    pruning = stage(job, tmp_path, 1, "baseline").stage.pruning
    folders = {"baseline": tmp_path / "baseline", "ranges": tmp_path / "ranges"}
    found = quantize(job, tmp_path / "candidates", **folders, stages=[tmp_path / "stage_1"])
    assert [one.reason for one in found.rejected] == []
    (candidate,) = found.candidates
    assert pruning.zeros == pytest.approx(0.5 * sum(layer.weights for layer in pruning.layers), abs=4)
    assert candidate.training.zeros >= pruning.zeros
    assert candidate.training.zeros < 1.2 * pruning.zeros  # weights that are rounded to zero, and no more


def test_a_stage_that_is_killed_goes_on_and_ends_the_same(job, tmp_path, monkeypatch):
    monkeypatch.setenv(STATE, str(tmp_path / "whole"))
    import_model(job, tmp_path / "first" / "baseline")
    undisturbed = stage(job, tmp_path / "first", 1, "baseline")
    monkeypatch.setenv(STATE, str(tmp_path / "killed"))
    command = [sys.executable, "-c", STEPS, str(job.root / "job.yaml"), str(tmp_path / "second")]
    with subprocess.Popen(command) as process:
        checkpoint, end = _waited(tmp_path / "killed"), time.monotonic() + 120
        while not any(checkpoint()) and process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    import_model(job, tmp_path / "second" / "baseline")
    resumed = stage(job, tmp_path / "second", 1, "baseline")
    assert resumed.model_sha256 == undisturbed.model_sha256
    assert resumed.stage == undisturbed.stage


def _waited(state: Path):
    return lambda: state.glob("training/1-*/checkpoint.pt")
