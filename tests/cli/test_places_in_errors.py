"""Errors name places that people know, and none that is gone when they read."""

import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper


@pytest.fixture
def lookup(tmp_path):
    """A job on a table of five rows; all rows of its data but the first ten ask for a sixth."""
    table = numpy_helper.from_array(np.eye(5, 10, dtype=np.float32), "table")
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "ids"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 10])],
        [table],
    )
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), tmp_path / "model.onnx")
    ids = np.where(np.arange(60) < 10, np.arange(60) % 5, 5)
    np.savez(tmp_path / "rows.npz", ids=ids, label=ids)
    job = {
        "version": 1,
        "name": "lookup",
        "model": "model.onnx",
        "data": {"validation": {"path": "rows.npz"}},
        "metric": {"name": "top1", "output": "y"},
        "recipes": [{"method": "dynamic"}],
    }
    (tmp_path / "job.yaml").write_text(json.dumps(job))
    return tmp_path


@pytest.mark.parametrize("command", [("evaluate", "--model"), ("benchmark", "--candidate")])
def test_a_baseline_that_was_made_for_one_command_is_called_after_its_model(lookup, call, command):
    name, option = command
    code, out, err = call(name, lookup / "job.yaml", option, lookup / "model.onnx")
    assert (code, out) == (2, "")
    line = err.splitlines()[-1]
    assert line.startswith(f"inc-mlflow: the baseline of {lookup / 'model.onnx'}: onnxruntime cannot run it")
    assert "inc-mlflow-" not in line, "that is the beginning of temporary folders"
