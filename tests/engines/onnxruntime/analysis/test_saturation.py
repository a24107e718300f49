"""Pair saturation against brute force in integers, and what protection does to a file."""

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from pydantic import ValidationError

from inc_mlflow.engines.engine import MethodData as Calibration
from inc_mlflow.engines.onnxruntime.analysis.saturating_pairs import at_risk, excess
from inc_mlflow.engines.onnxruntime.analysis.saturation import first_rows, predict, saturating_weights
from inc_mlflow.engines.onnxruntime.calibration.collect import collect
from inc_mlflow.engines.onnxruntime.graph.im2col import Product
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL
from inc_mlflow.engines.onnxruntime.graph.normalize import normalize
from inc_mlflow.engines.onnxruntime.options import Dynamic, Static
from tests.support.graphs import model as float_graph
from tests.support.integer_graphs import qlinear, wrap
from tests.support.onnx_candidates import compress, quantize


def brute_force(activations, weights):
    """Add pairs one by one as the kernel does: (saturated sums, saturating pairs, pairs that could for some
    activations)."""
    sums = np.zeros((len(activations), weights.shape[1]), int)
    saturating, risky = 0, 0
    for column in range(weights.shape[1]):
        for start in range(0, len(weights), 2):
            pair = [int(value) for value in weights[start : start + 2, column]]
            corners = [sum(255 * value for value in pair if value * sign > 0) for sign in (1, -1)]
            risky += corners[0] > 32767 or corners[1] < -32768
            for row in range(len(activations)):
                exact = sum(
                    int(a) * w for a, w in zip(activations[row, start : start + 2], pair, strict=True)
                )
                sums[row, column] += min(max(exact, -32768), 32767)
                saturating += not -32768 <= exact <= 32767
    return sums, saturating, risky


@given(st.integers(1, 5), st.integers(1, 9), st.integers(1, 4), st.integers(0, 2**32 - 1), st.booleans())
def test_excess_equals_brute_force(rows, depth, columns, seed, extreme):
    generator = np.random.default_rng(seed)
    activations = generator.choice([0, 127, 128, 129, 130, 255], (rows, depth)).astype(np.uint8)
    weights = generator.choice(
        [-128, -127, 0, 126, 127] if extreme else range(-128, 128), (depth, columns)
    ).astype(np.int8)
    sums, saturating, risky = brute_force(activations, weights)
    lost, count = excess(activations, weights, at_risk(weights))
    np.testing.assert_array_equal(activations.astype(int) @ weights + lost, sums)
    assert (count, at_risk(weights).sum()) == (saturating, risky)


@st.composite
def convolutions(draw):
    """Draw (input shape, weight shape, attributes) of a convolution with one to three spatial axes."""
    axes = draw(st.integers(1, 3))
    groups, outs, ins = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 3))
    each = st.tuples(*[st.integers(1, 3)] * axes)
    kernel, strides, dilations = draw(each), draw(each), draw(st.tuples(*[st.integers(1, 2)] * axes))
    space = [
        draw(st.integers((size - 1) * step + 1, 8)) for size, step in zip(kernel, dilations, strict=True)
    ]
    attributes = {"group": groups, "strides": strides, "dilations": dilations, "kernel_shape": kernel}
    padding = draw(st.sampled_from(["pads", "SAME_UPPER", "SAME_LOWER", "VALID"]))
    if padding == "pads":
        attributes["pads"] = draw(st.lists(st.integers(0, 2), min_size=2 * axes, max_size=2 * axes))
    else:
        attributes |= {
            "auto_pad": padding,
            "dilations": (1,) * axes,
        }  # onnxruntime pads dilated kernels otherwise
    return (2, groups * ins, *space), (groups * outs, ins, *kernel), attributes


@settings(max_examples=60)
@given(convolutions(), st.integers(0, 2**32 - 1))
def test_rows_times_weights_are_the_convolution(case, seed):
    shape, weight_shape, attributes = case
    generator = np.random.default_rng(seed)
    activations = generator.integers(0, 255, shape).astype(np.uint8)
    weights = generator.integers(-9, 9, weight_shape).astype(np.int8)
    node = helper.make_node("Conv", ["x", "w"], ["y"], **attributes)
    expected = run(
        float_graph([node], {"w": weights.astype("f4")}, {"x": shape}, {"y": None}, 17),
        activations.astype("f4"),
    )
    values = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    product = Product.of("Conv", weights, values)
    rows = product.rows(activations, zero=0, limit=10**6, seed=0)
    found = np.concatenate(list(rows.astype(int) @ product.weights), 1)  # (positions, channels)
    np.testing.assert_array_equal(found, np.moveaxis(expected, 1, -1).reshape(len(found), -1))


def test_few_positions_are_some_of_all():
    product = Product.of("Conv", np.ones((1, 1, 1, 1), np.int8), {})
    activations = np.arange(200, dtype=np.uint8).reshape(2, 1, 10, 10)
    drawn = product.rows(activations, 0, limit=30, seed=1).ravel()
    assert len(set(drawn)) == 60
    np.testing.assert_array_equal(drawn, product.rows(activations, 0, limit=30, seed=1).ravel())


def run(graph, values):
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": values})[0]


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


def test_a_small_network_on_real_images(baseline, ranges, rows, tmp_path):
    quantize(baseline, ranges, Static(), tmp_path / "q.onnx")
    report = predict(tmp_path / "q.onnx", first_rows(rows, 16))
    weights = {tensor.name for tensor in onnx.load(baseline).graph.initializer}
    assert report.rows == 16
    assert len(report.layers) == 6
    assert 0 < report.at_risk < 6
    assert {one.weights for one in report.layers} <= weights
    assert all(one.possible >= one.expected_rate >= 0 for one in report.layers)


def candidate(chain, recipe, path):
    baseline, calibration = chain
    compress(baseline, recipe, calibration, path)
    return predict(path, calibration.rows())


def tensors(path):
    return {one.name: numpy_helper.to_array(one) for one in onnx.load(path).graph.initializer}
