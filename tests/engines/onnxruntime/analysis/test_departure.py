"""The first node at which a candidate computes something else, in both formats; outputs that select."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from inc_mlflow.engines.onnxruntime.analysis.departure import first_departure, selected_outputs
from inc_mlflow.engines.onnxruntime.calibration.collect import collect
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL
from inc_mlflow.engines.onnxruntime.graph.normalize import normalize
from inc_mlflow.engines.onnxruntime.options import Static
from tests.support.graphs import model
from tests.support.onnx_candidates import quantize

GENERATOR = np.random.default_rng(0)
ROWS = [{"x": GENERATOR.normal(size=(1, 8)).astype("f4")} for _ in range(8)]
WEIGHTS = {f"w{i}": GENERATOR.normal(size=(8, 8)).astype("f4") for i in range(3)}


@pytest.fixture
def baseline(tmp_path):
    nodes = []
    for i in range(3):
        nodes += [
            helper.make_node("MatMul", [f"r{i - 1}" if i else "x", f"w{i}"], [f"m{i}"], name=f"matmul_{i}"),
            helper.make_node("LeakyRelu", [f"m{i}"], [f"r{i}"], name=f"relu_{i}"),
        ]
    onnx.save(model(nodes, WEIGHTS, {"x": [1, 8]}, {"r2": [1, 8]}, 17), tmp_path / "source.onnx")
    (tmp_path / "baseline").mkdir()
    normalize(tmp_path / "source.onnx", tmp_path / "baseline")
    return tmp_path / "baseline" / MODEL


def damaged(path, weight):
    """Change the sign of a layer's quantised weights."""
    int8 = onnx.load(path)
    tensor = next(one for one in int8.graph.initializer if one.name == f"{weight}_quantized")
    tensor.CopyFrom(numpy_helper.from_array(-numpy_helper.to_array(tensor), tensor.name))
    onnx.save(int8, path)


@pytest.mark.parametrize("quant_format", ["QDQ", "QOperator"])
@pytest.mark.parametrize("layer", [0, 1, 2])
def test_the_damaged_layer_is_named(baseline, tmp_path, quant_format, layer):
    candidate = tmp_path / "int8.onnx"
    quantize(baseline, collect(baseline, ROWS, threads=1), Static(quant_format=quant_format), candidate)
    damaged(candidate, f"w{layer}")
    assert first_departure(baseline, candidate, ROWS) == f"matmul_{layer}"


def test_models_without_a_tensor_in_common_name_nothing(baseline, tmp_path):
    other = model([helper.make_node("Neg", ["x"], ["other"])], {}, {"x": [1, 8]}, {"other": [1, 8]}, 17)
    onnx.save(other, tmp_path / "other.onnx")
    assert first_departure(baseline, tmp_path / "other.onnx", ROWS) is None


def test_outputs_behind_an_operator_that_chooses_are_known(tmp_path):
    nodes = [
        helper.make_node("TopK", ["x", "two"], ["values", "places"]),
        helper.make_node("Neg", ["values"], ["chosen"]),
        helper.make_node("Exp", ["x"], ["all"]),
    ]
    outputs = {"chosen": [1, 2], "all": [1, 8]}
    onnx.save(model(nodes, {"two": np.array([2])}, {"x": [1, 8]}, outputs, 17), tmp_path / "model.onnx")
    assert selected_outputs(tmp_path / "model.onnx") == {"chosen"}
