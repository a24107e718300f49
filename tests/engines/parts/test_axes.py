"""A part is called with arrays as its graph declares them, wherever it has its rows."""

import numpy as np
import onnx
import pytest
import yaml
from onnx import TensorProto, helper, numpy_helper

from inc_mlflow.engines.engine import RunSettings
from inc_mlflow.engines.parts.engine import ENGINE
from inc_mlflow.spec import Job, parse_recipe
from inc_mlflow.steps.compress.compare import compared_rows
from inc_mlflow.steps.compress.compare_parts import reference_of
from inc_mlflow.steps.compress.make_candidate import make_candidate
from inc_mlflow.steps.data import method_data, open_data
from inc_mlflow.steps.prepare.import_model import import_model

RUN = """import numpy as np


def run(parts, inputs):
    state = np.zeros((2, 1, 8), np.float32)
    for part in np.split(inputs["x"], 3, axis=1):
        out = parts["cell"]({"x": part, "state": state, "rate": np.array(2, np.int64)})
        state = out["next"]
        assert state.shape == (2, 1, 8), state.shape
    return state[1]
"""


def cell():
    """x (n, 8), state (2, n, 8) and a scalar rate -> the next state (2, n, 8)."""
    weights = np.random.default_rng(3).normal(size=(8, 8)).astype("f4")
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["y"], "product"),
        helper.make_node("Cast", ["rate"], ["r"], "cast", to=TensorProto.FLOAT),
        helper.make_node("Div", ["state", "r"], ["less"], "less"),
        helper.make_node("Add", ["less", "y"], ["next"], "sum"),
    ]
    shapes = {"x": ["n", 8], "state": [2, "n", 8]}
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    inputs.append(helper.make_tensor_value_info("rate", TensorProto.INT64, []))
    outputs = [helper.make_tensor_value_info("next", TensorProto.FLOAT, [2, "n", 8])]
    graph = helper.make_graph(nodes, "cell", inputs, outputs, [numpy_helper.from_array(weights, "w")])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.fixture
def job(tmp_path):
    onnx.save(cell(), tmp_path / "cell.onnx")
    (tmp_path / "run.py").write_text(RUN)
    random = np.random.default_rng(4)
    for name in ("calibration", "validation"):
        np.savez(tmp_path / f"{name}.npz", x=random.normal(size=(12, 24)).astype("f4"))
    spec = {
        "version": 1,
        "name": "cell",
        "model": {"parts": {"cell": "cell.onnx"}, "pipeline": "run.py:run", "inputs": {"x": "float32"}},
        "data": {name: {"path": f"{name}.npz"} for name in ("calibration", "validation")},
        "metric": "agreement",
        "recipes": [{"method": "static"}, {"method": "dynamic"}],
    }
    (tmp_path / "job.yaml").write_text(yaml.safe_dump(spec))
    return Job.load(tmp_path / "job.yaml")


@pytest.mark.parametrize("method", ["static", "dynamic"])
def test_a_state_with_its_rows_on_the_second_axis_and_a_scalar_are_passed_as_they_are(job, tmp_path, method):
    record = import_model(job, tmp_path / "baseline")
    assert record.source_error is None
    assert record.baselines[0].largest_difference < 1e-4
    baseline = tmp_path / "baseline" / "model.parts"
    rows = [inputs for inputs, *_ in open_data(job).rows("calibration", 1)]
    statistics = ENGINE.calibrator.collect(baseline, iter(rows), {"minmax"}, 1)
    one = parse_recipe({"engine": "parts", "method": "per_part", "parts": {"cell": {"method": method}}})
    (tmp_path / "made").mkdir()
    reference = reference_of(ENGINE, baseline, compared_rows(job))
    candidate = make_candidate(
        one, method_data(job, statistics), tmp_path / "made" / "model.parts", reference
    )
    true = ENGINE.load(job.model, RunSettings())(rows[0])["output"]
    found = candidate(rows[0])["output"]
    assert found.shape == (1, 8)
    assert np.abs(found - true).max() < 0.1 * np.abs(true).max()
