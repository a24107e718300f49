"""What a method that trains gets from a job: rows that do not judge, the user's loss, scores on tuning."""

import sys

import numpy as np
import pytest

from inc_mlflow.errors import CallableError, DataError, MissingExtraError, SpecError
from inc_mlflow.records import CandidatesRecord
from inc_mlflow.registry.methods import METHODS
from inc_mlflow.spec import Job, JobSpec
from inc_mlflow.steps.baselines import load_baselines
from inc_mlflow.steps.compress.quantize import quantize
from inc_mlflow.steps.compress.training import TuningScores, row_distances, training_data
from inc_mlflow.steps.data import open_data
from inc_mlflow.steps.prepare.calibrate import calibrate
from inc_mlflow.steps.prepare.import_model import import_model
from tests.support.trained_models import digits, uneven_network

onnx = pytest.importorskip("onnx")
JOB = """
version: 1
name: a
model: model.onnx
data:
  training: {{path: rows.npz, stop: 1000}}
  calibration: {{path: rows.npz, stop: 100}}
  tuning: {{path: rows.npz, start: 1500}}
  validation: {{path: rows.npz, start: {validation}, stop: 1500}}
metric: {metric}
recipes: [{{method: qat, weight_bits: 3}}]
training: {{epochs: 1, learning_rate: 0.001{more}}}
"""


def job_of(folder, validation=1000, metric="top1", more=""):
    onnx.save(uneven_network(), folder / "model.onnx")
    rows, labels = digits()
    np.savez(folder / "rows.npz", x=rows, label=labels)
    (folder / "job.yaml").write_text(JOB.format(validation=validation, metric=metric, more=more))
    return Job.load(folder / "job.yaml")


def imported(job, folder):
    import_model(job, folder / "baseline")
    return next(iter(load_baselines(folder / "baseline").values()))


def test_a_candidate_of_a_job_is_trained_and_recorded(tmp_path):
    pytest.importorskip("torch")
    job = job_of(tmp_path)
    import_model(job, tmp_path / "baseline")
    calibrate(job, tmp_path / "ranges", baseline=tmp_path / "baseline")
    found = quantize(job, tmp_path / "candidates", baseline=tmp_path / "baseline", ranges=tmp_path / "ranges")
    (one,) = found.candidates
    assert one.label == "qat 3-bit weights static u8s8 per-channel"
    assert one.training is not None and [point.epoch for point in one.training.points] == [0, 1]
    assert CandidatesRecord.load(tmp_path / "candidates") == found


def test_rows_that_judge_are_not_trained_on(tmp_path):
    job = job_of(tmp_path, validation=995)  # five rows of training are 1 % of validation
    data = training_data(job, imported(job, tmp_path))
    assert sum(len(labels) for _, labels in data.rows()) == 995
    assert "5 rows left out of training: validation holds them too" in open_data(job).survey().notes


def test_more_rows_that_judge_are_refused(tmp_path):
    with pytest.raises(DataError, match="rows stand in training too"):
        open_data(job_of(tmp_path, validation=900)).survey()


def test_a_job_that_trains_needs_rows_to_learn_from_and_to_choose_by():
    text = """{"version": 1, "name": "a", "model": "m.onnx", "metric": "top1", "recipes": [{"method": "qat"}],
    "data": {"calibration": {"path": "a.npz"}, "validation": {"path": "b.npz"}}}"""
    with pytest.raises(SpecError, match=r"data.training: a qat recipe needs rows to learn from"):
        JobSpec.from_text(text)


def test_a_job_without_training_has_the_text_it_had_before():
    text = """{"version": 1, "name": "a", "model": "m.onnx", "metric": "top1", "recipes": [{"method": "dynamic"}],
    "data": {"validation": {"path": "b.npz"}}}"""
    assert "training" not in JobSpec.from_text(text).to_text()


def test_the_users_loss_fails_with_its_line(tmp_path):
    (tmp_path / "train.py").write_text("def loss(outputs, labels, reference):\n    return 1 / 0\n")
    job = job_of(tmp_path, more=', callable: "train.py:loss"')
    data = training_data(job, imported(job, tmp_path))
    with pytest.raises(CallableError, match=r"training.loss: .*train.py:2 in loss: ZeroDivisionError"):
        data.loss({}, None, {})


def test_scores_of_the_baseline_are_those_of_the_metric_and_it_has_no_distance(tmp_path):
    job = job_of(tmp_path)
    baseline = imported(job, tmp_path)
    found = TuningScores(job, baseline)(baseline.path)
    assert found.scores.shape == (297,)
    assert found.scores.mean() > 0.9
    assert found.distances.tolist() == [0.0] * 297


def test_a_distance_is_relative_to_the_row_and_of_floats_alone():
    true = {"a": np.array([[3.0, 4.0], [30.0, 40.0]]), "classes": np.array([1, 2])}
    found = {"a": np.array([[3.0, 9.0], [30.0, 45.0]]), "classes": np.array([1, 3])}
    assert row_distances(true, found) == pytest.approx([1.0, 0.1])
    assert row_distances({"classes": true["classes"]}, found) == []


def test_without_torch_the_line_names_the_extra(monkeypatch):
    for name in [name for name in sys.modules if name.startswith(("inc_mlflow.training", "torch"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(
        MissingExtraError, match=r"needs the package 'torch'; pip install 'inc-mlflow\[torch\]'"
    ):
        METHODS.get("onnxruntime.qat")
