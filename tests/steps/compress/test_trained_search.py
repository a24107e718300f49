"""A search trains what is fast and loses too much: within its budget, again after a kill, or says why not."""

import multiprocessing
import sys
import time
from unittest.mock import patch

import numpy as np
import onnx
import pytest

from inc_mlflow.engines.onnxruntime.engine import OnnxRuntime
from inc_mlflow.engines.onnxruntime.options import Static
from inc_mlflow.engines.trainable import TrainingCost
from inc_mlflow.records import CandidatesRecord
from inc_mlflow.spec import Job
from inc_mlflow.steps.standalone.search import search_job
from tests.support.trained_models import digits, uneven_network

JOB = """
version: 1
name: digits
model: model.onnx
data:
{training}
  calibration: {{path: rows.npz, stop: 100}}
  tuning: {{path: rows.npz, start: 1000, stop: 1400}}
  validation: {{path: rows.npz, start: 1400}}
metric: top1
recipes: auto
training: {{epochs: 4, learning_rate: 0.003, batch: 32, loss: {loss}{more}}}
gate: {{max_relative_drop: 0.008, min_speedup: 0.001}}
"""
TRAINING = "  training: {path: rows.npz, stop: 1000}"
BUDGET = 300.0


class OneRecipe:
    """A space of one recipe, whose candidate loses too much."""

    methods = ("static",)

    def first(self):
        yield Static(per_channel=False)

    def refinements(self):
        return ()

    def without(self, recipe, nodes):
        return recipe.model_copy(update={"nodes_to_exclude": tuple(nodes)})

    def protected(self, recipe, everywhere):
        return None


def job_of(folder, training=TRAINING, loss="distillation", more=""):
    onnx.save(uneven_network(), folder / "model.onnx")
    rows, labels = digits()
    np.savez(folder / "rows.npz", x=rows, label=labels)
    (folder / "job.yaml").write_text(JOB.format(training=training, loss=loss, more=more))
    return Job.load(folder / "job.yaml")


def small_search():
    """Let a search try one recipe. Nodes are not taken back to FP32, which would mend so small a network."""
    patches = patch.multiple(OnnxRuntime, space=lambda *_: OneRecipe(), analysis=None)
    patches.start()
    return patches


@pytest.fixture(autouse=True)
def one_recipe():
    patches = small_search()
    yield
    patches.stop()


def trained(found):
    return [row for row in found["trials"] if row["recipe"]["method"] == "qat"]


def test_what_loses_too_much_is_trained_and_handed_over_with_how(tmp_path):
    pytest.importorskip("torch")
    found = search_job(job_of(tmp_path), BUDGET, tmp_path / "out")
    start, one = found["trials"]
    assert "drops by" in start["rejected"]
    assert one["recipe"]["start"] == start["recipe"]
    assert one["rejected"] is None
    assert one["accuracy"] > start["accuracy"]
    assert found["trained"] is None
    (candidate,) = CandidatesRecord.load(tmp_path / "out").candidates
    assert candidate.label == "qat static u8s8 per-tensor"
    assert candidate.training is not None
    assert candidate.training.chosen > 0


def test_without_rows_to_learn_from_nothing_is_trained(tmp_path):
    found = search_job(job_of(tmp_path, training=""), BUDGET, tmp_path / "out")
    assert not trained(found)
    assert found["trained"] is None


@pytest.mark.parametrize(("epoch", "epochs"), [(150.0, 1), (1e4, None)])
def test_training_is_shortened_to_fit_the_budget_or_left_out_and_that_is_said(
    tmp_path, monkeypatch, epoch, epochs
):
    pytest.importorskip("torch")
    from inc_mlflow.training.qat.method import QatMethod

    monkeypatch.setattr(QatMethod, "cost", lambda *_: TrainingCost(1.0, epoch))
    found = search_job(job_of(tmp_path), BUDGET, tmp_path / "out")
    assert [one["recipe"].get("epochs") for one in trained(found)] == ([epochs] if epochs else [])
    said = "for 1 of 4 epochs, to fit the budget" if epochs else "an epoch takes 1e+04 s"
    assert said in found["trained"]
    assert "raise search.budget, as search: {budget: " in found["trained"]


def test_without_torch_the_search_goes_on_and_says_so(tmp_path, monkeypatch):
    for name in [name for name in sys.modules if name.startswith(("inc_mlflow.training", "torch"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    found = search_job(job_of(tmp_path), BUDGET, tmp_path / "out")
    assert len(found["trials"]) == 1
    assert "pip install 'inc-mlflow[torch]'" in found["trained"]


def test_rows_that_cannot_teach_leave_the_search_as_it_was(tmp_path):
    pytest.importorskip("torch")
    found = search_job(job_of(tmp_path, loss="mse"), BUDGET, tmp_path / "out")
    assert len(found["trials"]) == 1
    assert "labels are not one number for each value of the output" in found["trained"]


def search_small(folder):
    small_search()
    search_job(Job.load(folder / "job.yaml"), BUDGET, folder / "out")


@pytest.mark.slow
def test_a_search_that_is_killed_while_it_trains_ends_with_the_same_model(tmp_path):
    pytest.importorskip("torch")
    (tmp_path / "whole").mkdir()
    whole = search_job(job_of(tmp_path / "whole"), BUDGET, tmp_path / "whole" / "out")
    job_of(tmp_path, more=", checkpoint: 4")
    process = multiprocessing.get_context("spawn").Process(target=search_small, args=(tmp_path,))
    process.start()
    while process.is_alive() and not list(tmp_path.glob("out/training/*/checkpoint.pt")):
        time.sleep(0.005)
    process.kill()
    process.join()
    found = search_job(Job.load(tmp_path / "job.yaml"), BUDGET, tmp_path / "out")
    paths = [folder / "out" / "1" / "model.onnx" for folder in (tmp_path, tmp_path / "whole")]
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert [row["recipe"] for row in found["trials"]] == [row["recipe"] for row in whole["trials"]]
