"""What cannot be trained is said in one line: a reason of its recipe, or an error that names data or code."""

import numpy as np
import onnx
import pytest
from onnx import helper

from inc_mlflow.errors import IncError
from inc_mlflow.spec import Job
from inc_mlflow.steps.compress.quantize import quantize
from inc_mlflow.steps.prepare.calibrate import calibrate
from inc_mlflow.steps.prepare.import_model import import_model
from tests.support.trained_models import digits, uneven_network

pytest.importorskip("torch")
JOB = """
version: 1
name: digits
model: model.onnx
data:
  training: {path: rows.npz, stop: 200}
  calibration: {path: rows.npz, stop: 20}
  tuning: {path: rows.npz, start: 1000, stop: 1100}
  validation: {path: rows.npz, start: 1400}
metric: {name: top1, output: logits}
recipes: [{method: qat}]
"""
LOSSES = """
def nan(outputs, labels, reference):
    return outputs["logits"].sum() * float("nan")


def still(outputs, labels, reference):
    return outputs["logits"].detach().sum()


def broken(outputs, labels, reference):
    return labels["missing"]
"""
REJECTED = {
    "a loss that is no number": ("training: {callable: 'losses.py:nan'}", "the loss is nan before the first"),
    "a loss without gradient": ("training: {callable: 'losses.py:still'}", "the loss has no gradient"),
    "an unknown operator": ("", "node 'top': Hardmax cannot be trained here"),
}
RAISED = {
    "a loss that fails": ("training: {callable: 'losses.py:broken'}", "losses.py:11 in broken"),
    "labels that do not fit": (
        "training: {loss: mse}",
        "data.training: labels are not one number for each value",
    ),
}


def with_hardmax(model):
    """The same classes, as an operator gives them that torch is not taught."""
    last = model.graph.node[-1]
    output, last.output[0] = last.output[0], "scores"
    model.graph.node.append(helper.make_node("Hardmax", ["scores"], [output], name="top"))
    return model


def candidates(folder, name, more):
    model = uneven_network()
    onnx.save(with_hardmax(model) if "operator" in name else model, folder / "model.onnx")
    rows, labels = digits()
    np.savez(folder / "rows.npz", x=rows, label=labels)
    (folder / "losses.py").write_text(LOSSES)
    (folder / "job.yaml").write_text(JOB + more)
    job = Job.load(folder / "job.yaml")
    import_model(job, folder / "baseline")
    calibrate(job, folder / "ranges", baseline=folder / "baseline")
    return quantize(job, folder / "candidates", baseline=folder / "baseline", ranges=folder / "ranges")


@pytest.mark.parametrize("name", REJECTED)
def test_a_recipe_is_rejected_with_one_line(tmp_path, name):
    more, said = REJECTED[name]
    (one,) = candidates(tmp_path, name, more).rejected
    assert said in one.reason
    assert "\n" not in one.reason


@pytest.mark.parametrize("name", RAISED)
def test_data_and_code_end_the_job_with_one_line(tmp_path, name):
    more, said = RAISED[name]
    with pytest.raises(IncError, match=said.replace("(", r"\(")) as caught:
        candidates(tmp_path, name, more)
    assert "\n" not in str(caught.value)
