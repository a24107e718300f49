"""Whole jobs with ``recipes: auto`` on models as people bring them: each ends with a verdict.

The steps run in this process and without MLflow, which is no part of what is shown here.
"""

import json

import numpy as np
import onnx
import onnxruntime
import pytest
from onnxruntime.quantization import quantize_dynamic

from inc_mlflow.errors import ModelError
from inc_mlflow.spec import Job
from inc_mlflow.steps.prepare.check import check
from tests.support import everyday_models as models
from tests.support.judged_jobs import judged

pytestmark = pytest.mark.slow
JOB = {
    "version": 1,
    "name": "everyday",
    "model": "model.onnx",
    "data": {
        "calibration": {"path": "rows.npz", "stop": 40},
        "tuning": {"path": "rows.npz", "start": 40, "stop": 140},
        "validation": {"path": "rows.npz", "start": 140},
    },
    "metric": {"name": "top1", "output": "probabilities"},
    "recipes": "auto",
    "search": {"budget": 2},
    "gate": {"max_relative_drop": 0.1, "min_speedup": 0.05},
}
MODELS = {
    "a perceptron of scikit-learn": models.perceptron,
    "a perceptron of Keras": lambda: models.perceptron(keras=True),
    "a perceptron in half precision": lambda: models.perceptron(dtype=np.float16),
    "a random forest": models.forest,
    "a lone LSTM": models.lstm,
    "layers in the branches of an If": models.branches,
}
CANNOT_BE_INT8 = {"a random forest", "layers in the branches of an If"}


def prepare(folder, model):
    """Save a model, and rows that it classifies rightly."""
    onnx.save(model, folder / "model.onnx")
    session = onnxruntime.InferenceSession(folder / "model.onnx")
    kind = np.float16 if session.get_inputs()[0].type == "tensor(float16)" else np.float32
    rows = np.random.default_rng(7).normal(0, 1, (340, models.WIDTH)).astype(kind)
    chosen = [session.run(["probabilities"], {"x": row[None]})[0].argmax() for row in rows]
    np.savez(folder / "rows.npz", x=rows, label=np.array(chosen))
    (folder / "job.yaml").write_text(json.dumps(JOB))
    return Job.load(folder / "job.yaml")


@pytest.mark.parametrize("name", MODELS)
def test_a_search_ends_with_a_verdict(name, tmp_path):
    state = tmp_path / "state"
    result = judged(prepare(tmp_path, MODELS[name]()), state)
    baseline, *candidates = result["table"]
    assert baseline["accuracy"]["value"] == 1.0
    assert result["verdict"] in ("pass", "fail"), result["reasons"]
    assert result["reasons"]
    assert not (candidates and name in CANNOT_BE_INT8 and result["verdict"] == "pass")
    for path in [state / "baseline", *(state / "candidates").iterdir()]:
        for file in path.glob("*.onnx"):
            kinds = {one.data_type for one in onnx.load(file).graph.initializer}
            assert onnx.TensorProto.FLOAT16 not in kinds, f"{file} still has weights in half precision"


def test_a_model_that_is_int8_already_is_refused_before_any_work(tmp_path):
    onnx.save(models.perceptron(), tmp_path / "fp32.onnx")
    quantize_dynamic(tmp_path / "fp32.onnx", tmp_path / "int8.onnx")
    job = prepare(tmp_path, onnx.load(tmp_path / "int8.onnx"))
    with pytest.raises(
        ModelError, match=r"already INT8: \d+ MatMulInteger; give the FP32 model it came from"
    ):
        check(job)
