"""Which layers saturate, how often, and by how much of the output's steps."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from inc_mlflow.engines.onnxruntime.analysis.saturation import first_rows, predict
from inc_mlflow.engines.onnxruntime.options import Dynamic, Static
from tests.support.graphs import model as float_graph
from tests.support.integer_graphs import qlinear, wrap
from tests.support.onnx_candidates import quantize
from tests.support.saturated_sums import brute_force


def predicted(tmp_path, graph, *batches, **options):
    onnx.save(graph, tmp_path / "q.onnx")
    return predict(tmp_path / "q.onnx", [{"x": batch} for batch in batches], **options)


def test_the_error_is_in_steps_of_the_output(tmp_path):
    weights = np.full((1, 2, 1, 1), 127, np.int8)
    pixels = np.array([255, 1], np.uint8)[None, None, None].repeat(
        2, 1
    )  # one position saturates, one does not
    (layer,) = predicted(tmp_path, qlinear(weights, scale=512.0), pixels).layers
    before, after = round(2 * 255 * 127 / 512), round(32767 / 512)
    assert (layer.name, layer.operator, layer.weights) == ("layer", "Conv", "w")
    assert (layer.possible, layer.expected_rate, layer.expected_error_lsb) == (1.0, 0.5, (before - after) / 2)


def test_an_error_that_the_output_clips_does_not_count(tmp_path):
    pixels = np.full((1, 2, 1, 1), 255, np.uint8)
    for weight in (127, -127):  # far above 255 steps, and far below zero
        (layer,) = predicted(
            tmp_path, qlinear(np.full((1, 2, 1, 1), weight, np.int8), scale=1.0), pixels
        ).layers
        assert (layer.expected_rate, layer.expected_error_lsb) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("weights", "options"),
    [
        (np.full((1, 2, 1, 1), 64, np.int8), {}),
        (np.full((1, 2, 1, 1), 255, np.uint8), {}),
        (np.full((2, 1, 1, 3), 127, np.int8), {"group": 2, "pads": [0, 1, 0, 1]}),
        (np.full((1, 2, 1, 1), 127, np.int8), {"activation": np.int8}),
    ],
    ids=["7 bits", "uint8 weights", "depthwise", "int8 kernel"],
)
def test_what_cannot_saturate(weights, options, tmp_path):
    pixels = np.full((1, 2, 1, 4), 127, options.get("activation", np.uint8))
    (layer,) = predicted(tmp_path, qlinear(weights, **options), pixels).layers
    assert (layer.possible, layer.expected_rate, layer.expected_error_lsb) == (0.0, 0.0, 0.0)


def test_one_channel_in_and_two_out_is_not_depthwise(tmp_path):
    weights = np.full((4, 1, 1, 2), 127, np.int8)
    (layer,) = predicted(
        tmp_path, qlinear(weights, scale=512.0, group=2), np.full((1, 2, 1, 2), 255, np.uint8)
    ).layers
    assert (layer.possible, layer.expected_rate) == (1.0, 1.0)


def test_batches_and_blocks_do_not_change_the_result(tmp_path):
    generator = np.random.default_rng(0)
    weights = generator.integers(-127, 128, (3, 5, 3, 3)).astype(np.int8)
    pixels = generator.integers(0, 256, (6, 5, 20, 20)).astype(np.uint8)
    whole = predicted(tmp_path, qlinear(weights, scale=4096.0, zero=128), pixels)
    parts = predicted(
        tmp_path, qlinear(weights, scale=4096.0, zero=128), *(pixels[i : i + 1] for i in range(6))
    )
    assert whole.rows == parts.rows == 6
    assert whole.layers[0].expected_rate > 0
    assert whole.layers[0].model_dump() == pytest.approx(parts.layers[0].model_dump())


def test_a_dynamic_layer_is_seen_in_steps_of_its_range(tmp_path):
    generator = np.random.default_rng(0)
    weights = {"w": generator.choice([-1.0, 0.9, 1.0], (16, 4)).astype("f4")}
    onnx.save(
        float_graph(
            [helper.make_node("MatMul", ["x", "w"], ["y"], name="m")],
            weights,
            {"x": ["n", 16]},
            {"y": ["n", 4]},
            17,
        ),
        tmp_path / "m.onnx",
    )
    quantize(tmp_path / "m.onnx", None, Dynamic(), tmp_path / "q.onnx")
    rows = generator.uniform(0.8, 1.0, (8, 16)).astype("f4")
    (layer,) = predict(tmp_path / "q.onnx", [{"x": rows}]).layers
    quantized = {
        one.name: numpy_helper.to_array(one) for one in onnx.load(tmp_path / "q.onnx").graph.initializer
    }["w_quantized"]
    steps = np.rint(rows / (rows.max() / np.float32(255))).astype(np.uint8)
    sums, saturating, _ = brute_force(steps, quantized)
    exact = steps.astype(int) @ quantized
    assert (layer.operator, layer.weights) == ("MatMul", "w")
    assert layer.expected_rate == pytest.approx(saturating / (8 * 8 * 4))
    assert layer.expected_error_lsb == pytest.approx(
        np.abs(sums - exact).mean() * 255 / np.ptp([0, *exact.flat]), rel=1e-3
    )


def test_a_fused_operator_that_quantises_inside(tmp_path):
    weights = np.full((2, 3), 127, np.int8)
    constants = {"w": weights, "s": np.array(1, "f4"), "z": np.array(0, np.int8)}
    node = helper.make_node(
        "DynamicQuantizeMatMul", ["x", "w", "s", "z"], ["y"], domain="com.microsoft", name="layer"
    )
    rows = np.array([[1, 1], [0.5, 0.5]], "f4")
    (layer,) = predicted(tmp_path, wrap([node], constants, TensorProto.FLOAT, TensorProto.FLOAT), rows).layers
    assert (layer.possible, layer.expected_rate) == (1.0, 0.5)


def test_a_recurrent_layer_is_possible_but_not_seen(tmp_path):
    generator = np.random.default_rng(0)
    weights = {name: generator.choice([-1.0, 1.0], (1, 16, 4)).astype("f4") for name in ("w", "r")}
    weights["r"] = weights["r"].reshape(1, 16, 4)
    node = helper.make_node("LSTM", ["x", "w", "r"], ["y"], hidden_size=4, name="layer")
    onnx.save(float_graph([node], weights, {"x": [3, 1, 4]}, {"y": [3, 1, 1, 4]}, 17), tmp_path / "m.onnx")
    quantize(tmp_path / "m.onnx", None, Dynamic(per_channel=False), tmp_path / "q.onnx")
    report = predict(tmp_path / "q.onnx", [{"x": np.ones((3, 1, 4), "f4")}])
    assert [
        (one.name.removesuffix("_quant"), one.possible > 0, one.expected_rate) for one in report.layers
    ] == [("layer", True, None)] * 2
    assert report.at_risk == 0


@pytest.mark.parametrize("number", [1, 2, 3, 10])
def test_first_rows(number):
    batches = [{"x": np.arange(3)}, {"x": np.arange(3, 5)}]
    taken = np.concatenate([batch["x"] for batch in first_rows(batches, number)])
    np.testing.assert_array_equal(taken, np.arange(min(number, 5)))


def test_a_small_network_on_real_images(baseline, ranges, rows, tmp_path):
    quantize(baseline, ranges, Static(), tmp_path / "q.onnx")
    report = predict(tmp_path / "q.onnx", first_rows(rows, 16))
    weights = {tensor.name for tensor in onnx.load(baseline).graph.initializer}
    assert report.rows == 16
    assert len(report.layers) == 6
    assert 0 < report.at_risk < 6
    assert {one.weights for one in report.layers} <= weights
    assert all(one.possible >= one.expected_rate >= 0 for one in report.layers)
