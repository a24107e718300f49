"""What protection from saturation does to a file."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper
from pydantic import ValidationError

from inc_mlflow.engines.engine import MethodData as Calibration
from inc_mlflow.engines.onnxruntime.analysis.saturation import predict, saturating_weights
from inc_mlflow.engines.onnxruntime.calibration.collect import collect
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL
from inc_mlflow.engines.onnxruntime.graph.normalize import normalize
from inc_mlflow.engines.onnxruntime.options import Static
from tests.support.graphs import model as float_graph
from tests.support.onnx_candidates import compress


@pytest.fixture(scope="module")
def chain(tmp_path_factory):
    """A convolution, two MatMuls with the same weights, and a Gemm: the first three saturate, the last only
    could."""
    generator = np.random.default_rng(0)

    def heavy(*shape):
        return (generator.choice([-1, 1], shape) * generator.uniform(0.5, 1, shape)).astype("f4")

    weights = {
        "c": heavy(8, 4, 3, 3),
        "m": heavy(64, 64),
        "g": heavy(5, 64),
        "b": heavy(5),
        "shape": np.array([-1, 64]),
    }
    weights["g"] = np.repeat(np.sign(weights["g"][:, ::2]), 2, 1) * np.array([1, 0.03] * 32, "f4")
    nodes = [
        helper.make_node("Conv", ["x", "c"], ["c1"], pads=[1] * 4),
        helper.make_node("Relu", ["c1"], ["c2"]),
        helper.make_node("Reshape", ["c2", "shape"], ["f"]),
        helper.make_node("MatMul", ["f", "m"], ["m1"]),
        helper.make_node("Relu", ["m1"], ["m2"]),
        helper.make_node("MatMul", ["m2", "m"], ["m3"]),
        helper.make_node("Relu", ["m3"], ["m4"]),
        helper.make_node("Gemm", ["m4", "g", "b"], ["y"], transB=1),
    ]
    folder = tmp_path_factory.mktemp("chain")
    onnx.save(float_graph(nodes, weights, {"x": ["n", 4, 4, 4]}, {"y": ["m", 5]}, 17), folder / "source.onnx")
    normalize(folder / "source.onnx", folder)
    rows = [{"x": generator.uniform(0, 1, (4, 4, 4, 4)).astype("f4")} for _ in range(4)]
    return folder / MODEL, Calibration(lambda: rows, collect(folder / MODEL, rows, threads=1), threads=1)


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("activation_type", ["QUInt8", "QInt8"])
def test_only_saturating_weights_get_seven_bits(chain, per_channel, activation_type, tmp_path):
    options = {"per_channel": per_channel, "activation_type": activation_type}
    before = candidate(chain, Static(**options), tmp_path / "plain.onnx")
    after = candidate(chain, Static(**options, reduce_range="saturating"), tmp_path / "protected.onnx")
    assert [one.weights for one in before.layers] == ["c", "m", "m", "g"]
    assert saturating_weights(before) == {"c", "m"}
    assert (before.rows, before.at_risk, after.at_risk) == (16, 3, 0)
    assert before.layers[3].possible > 0
    plain, protected = (tensors(tmp_path / name) for name in ("plain.onnx", "protected.onnx"))
    largest = {name: np.abs(protected[f"{name}_quantized"].astype(int)).max() for name in "cmg"}
    assert largest == {"c": 64, "m": 64, "g": 127}
    for name in "cmg":
        np.testing.assert_allclose(
            protected[f"{name}_scale"] * largest[name], plain[f"{name}_scale"] * 127, rtol=1e-5
        )
    np.testing.assert_array_equal(plain["g_quantized"], protected["g_quantized"])


def test_the_prediction_is_the_same_for_both_kinds_of_activation_and_both_formats(chain, tmp_path):
    recipes = [Static(), Static(activation_type="QInt8"), Static(quant_format="QOperator", per_channel=True)]
    reports = [candidate(chain, recipe, tmp_path / f"{number}.onnx") for number, recipe in enumerate(recipes)]
    rates = [[one.expected_rate for one in report.layers] for report in reports]
    assert rates[0] == rates[1]
    assert rates[2][0] == pytest.approx(
        rates[0][0], rel=0.05
    )  # MatMul and Gemm are per tensor in this format


def test_protection_needs_qdq():
    with pytest.raises(ValidationError, match="reduce_range saturating is for quant_format QDQ only"):
        Static(quant_format="QOperator", reduce_range="saturating")


def candidate(chain, recipe, path):
    baseline, calibration = chain
    compress(baseline, recipe, calibration, path)
    return predict(path, calibration.rows())


def tensors(path):
    return {one.name: numpy_helper.to_array(one) for one in onnx.load(path).graph.initializer}
