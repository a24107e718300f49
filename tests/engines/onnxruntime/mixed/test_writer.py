"""Mixed models: what is written in INT8 runs in integer kernels, and the rest as before."""

import numpy as np
import onnx
import pytest
from onnx import helper

from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.rules import SPEED
from inc_mlflow.engines.onnxruntime.mixed.writer import Assignment, write_mixed
from tests.support.graphs import model
from tests.support.mixed_models import Imported

GENERATOR = np.random.default_rng(3)
ROWS = [{"x": GENERATOR.normal(0, 1, (1, 4, 8, 8)).astype("f4")} for _ in range(6)]
WEIGHTS = {
    "w": GENERATOR.normal(0, 0.3, (4, 4, 3, 3)).astype("f4"),
    "b": GENERATOR.normal(0, 1, 4).astype("f4"),
    "v": GENERATOR.normal(0, 0.3, (4, 4, 3, 3)).astype("f4"),
    "dense": GENERATOR.normal(0, 0.3, (8, 8)).astype("f4"),
    "offset": GENERATOR.normal(0, 1, 8).astype("f4"),
    "half": np.array(0.5, "f4"),
    "shift": np.array(-0.7, "f4"),
    "tiny": np.array(0.004, "f4"),
}


def node(kind, inputs, output, **attributes):
    return helper.make_node(kind, inputs, [output], name=output, **attributes)


def conv(read, output, weights="w"):
    return node("Conv", [read, weights, "b"], output, pads=[1, 1, 1, 1])


@pytest.fixture
def imported(tmp_path):
    def make(*nodes, output="y", rows=ROWS):
        used = {name for one in nodes for name in one.input} & WEIGHTS.keys()
        shape = [1, *rows[0]["x"].shape[1:]]
        graph = model(
            list(nodes), {name: WEIGHTS[name] for name in sorted(used)}, {"x": shape}, {output: shape}, 17
        )
        return Imported.of(graph, rows, tmp_path, SPEED)  # numbers are not folded away

    return make


def test_neighbours_in_int8_share_their_integers_and_borders_alone_convert(imported):
    graph = imported(conv("x", "a"), node("Relu", ["a"], "r"), conv("r", "c", "v"), conv("c", "y"))
    written = graph.all_int8()
    kernels = written.kernels()
    assert kernels["QLinearConv"] == 3
    assert kernels["QuantizeLinear"] == kernels["DequantizeLinear"] == 1
    assert not kernels["Relu"], "the integers saturate where it does"
    assert written.errors()["y"] < 0.02


def test_one_unit_in_int8_between_two_in_fp32(imported):
    graph = imported(conv("x", "a"), conv("a", "c", "v"), conv("c", "y"))
    written = graph.write(Assignment(frozenset(["c"])))
    kernels = written.kernels()
    assert (kernels["QLinearConv"], kernels["Conv"]) == (1, 2)
    assert written.floats() == []
    assert 0 < written.errors()["y"] < 0.02


def test_a_tensor_that_int8_makes_is_read_by_int8_and_by_fp32(imported):
    graph = imported(
        conv("x", "a"), conv("a", "c", "v"), node("Tanh", ["a"], "t"), node("Add", ["c", "t"], "y")
    )
    written = graph.write(Assignment(frozenset(["a", "c"])))
    assert written.kernels()["QLinearConv"] == 2
    assert written.errors()["y"] < 0.02


@pytest.mark.parametrize("offset", ["half", "shift"])
def test_a_number_between_integers_costs_no_kernel(imported, offset):
    graph = imported(
        conv("x", "a"), node("Add", ["a", offset], "s"), node("Mul", ["s", "half"], "m"), conv("m", "y")
    )
    assert graph.kinds()["s"] == graph.kinds()["m"] == "scalar"
    written = graph.all_int8()
    kernels = written.kernels()
    assert kernels["QLinearAdd"] == kernels["QLinearMul"] == kernels["Add"] == kernels["Mul"] == 0
    assert written.floats() == []
    assert written.errors()["y"] < 0.02


@pytest.mark.parametrize("offset", ["tiny", "shift"])
def test_a_number_that_is_no_whole_number_of_steps_is_added_by_a_kernel(imported, offset):
    """Behind a Relu the scale is given: a wider one would not saturate at zero."""
    graph = imported(
        conv("x", "a"), node("Relu", ["a"], "r"), node("Add", ["r", offset], "s"), conv("s", "y")
    )
    written = graph.all_int8()
    assert written.kernels()["QLinearAdd"] == 1
    assert written.floats() == []
    assert written.errors()["y"] < 0.02


@pytest.mark.parametrize("operators", ["one", "two"])
def test_hard_swish_is_two_integer_kernels(imported, operators):
    gate = (
        [node("HardSwish", ["a"], "h")]
        if operators == "one"
        else [node("HardSigmoid", ["a"], "g", alpha=1 / 6, beta=0.5), node("Mul", ["g", "a"], "h")]
    )
    graph = imported(conv("x", "a"), *gate, conv("h", "y", "v"))
    written = graph.all_int8()
    kernels = written.kernels()
    assert (kernels["QLinearAdd"], kernels["QLinearMul"]) == (1, 1)
    assert kernels["HardSigmoid"] == kernels["HardSwish"] == 0
    assert written.floats() == []
    assert written.errors()["y"] < 0.03


def test_a_steeper_hard_sigmoid_is_right_too(imported):
    gate = node("HardSigmoid", ["a"], "g", alpha=0.5, beta=0.25)
    graph = imported(conv("x", "a"), gate, node("Mul", ["a", "g"], "h"), conv("h", "y", "v"))
    written = graph.all_int8()
    assert written.floats() == []
    assert written.errors()["y"] < 0.03


def test_a_product_with_dynamic_scales_beside_one_in_int8(imported):
    first = (node("MatMul", ["x", "dense"], "m"), node("Add", ["m", "offset"], "a"))
    graph = imported(*first, node("Tanh", ["a"], "t"), node("MatMul", ["t", "dense"], "y"))
    products = [name for name, kind in graph.kinds().items() if kind == "linear"]
    written = graph.write(Assignment(frozenset(products[1:]), frozenset(products[:1])))
    kernels = written.kernels()
    assert (kernels["DynamicQuantizeMatMul"], kernels["MatMulIntegerToFloat"]) == (1, 1)
    assert written.errors()["y"] < 0.03


@pytest.mark.parametrize("bits", [8, 7])
def test_weights_of_seven_bits_never_saturate_in_pairs(imported, bits):
    graph = imported(conv("x", "a"), conv("a", "y"))
    narrow = frozenset(["a", "y"] if bits == 7 else [])
    written = graph.write(Assignment(frozenset(["a", "y"]), narrow=narrow))
    stored = [
        onnx.numpy_helper.to_array(one)
        for one in onnx.load(written.path).graph.initializer
        if one.data_type == onnx.TensorProto.INT8 and len(one.dims) > 1
    ]
    assert {int(np.abs(one).max()) for one in stored} == {127 if bits == 8 else 64}
    assert written.errors()["y"] < 0.04


@pytest.mark.parametrize("smaller", [1e-4, 1e-7, 1e-9])
def test_a_bias_far_larger_than_the_weights_keeps_its_value(imported, monkeypatch, smaller):
    """At 1e-7 it fits into int32 by itself, but not with the products added."""
    monkeypatch.setitem(WEIGHTS, "w", WEIGHTS["w"] * np.float32(smaller))
    graph = imported(conv("x", "y"))
    written = graph.all_int8()
    assert written.floats() == []
    assert written.errors()["y"] < 0.01


def test_a_bias_in_another_scale_is_noticed(imported):
    """ONNX Runtime then computes in FP32 without a word."""
    graph = imported(conv("x", "a"), conv("a", "y"))
    written = graph.all_int8()
    assert written.floats() == []
    changed = onnx.load(written.path)
    bias = next(one for one in changed.graph.node if one.name.startswith("b_Dequantize"))
    (scale,) = (one for one in changed.graph.initializer if one.name == bias.input[1])
    scale.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(scale) * 2, scale.name))
    onnx.save(changed, written.path)
    assert written.floats() == ["a"]


def test_the_same_assignment_gives_the_same_bytes(imported):
    graph = imported(conv("x", "a"), node("Add", ["a", "half"], "s"), conv("s", "y", "v"))
    source, names = graph.source, [unit.name for unit in graph.source.able()]
    texts = {
        write_mixed(
            source.network, source.units, source.ranges, Assignment(frozenset(order))
        ).SerializeToString()
        for order in (names, names[::-1])
    }
    assert len(texts) == 1


def test_with_nothing_in_int8_the_nodes_are_those_of_the_baseline(imported):
    graph = imported(conv("x", "a"), node("Relu", ["a"], "y"))
    written = graph.write(Assignment())
    assert written.errors() == {"y": 0.0}
    assert list(onnx.load(written.path).graph.node) == list(graph.source.network.model.graph.node)
