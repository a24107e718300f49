"""Rewrites that leave a folded graph quantisable: Gemm, copies, names, types."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from inc_mlflow.engines.onnxruntime.graph.uses import Uses
from tests.support.imports import graph_of, imported, normal

ROWS = [{"x": normal(seed, 1, 8)} for seed in range(3)]
IMAGES = [{"x": normal(seed, 1, 4, 6, 6)} for seed in range(3)]


def gemm(bias, **attributes):
    shape = (4, 8) if attributes.get("transB") else (8, 4)
    weights = {"w": normal(0, *shape), "c": bias}
    nodes = [helper.make_node("Gemm", ["x", "w", "c"], ["y"], **attributes)]
    return graph_of(nodes, weights, {"x": ["n", 8]}, {"y": ["n", 4]})


@pytest.mark.parametrize(
    "attributes", [{}, {"alpha": 0.5}, {"beta": 2.0}, {"alpha": 3.0, "beta": 0.5, "transB": 1}]
)
@pytest.mark.parametrize("shape", [(4,), (1, 4), (1,), (), (1, 1)])
def test_a_gemm_has_no_factors_and_a_bias_of_one_axis(tmp_path, shape, attributes):
    baseline, _ = imported(gemm(normal(1, *shape), **attributes), tmp_path, ROWS)
    (node,) = baseline.graph.node
    assert node.op_type == "Gemm"
    assert {a.name for a in node.attribute if a.name in {"alpha", "beta"} and a.f != 1} == set()
    constants = {tensor.name: tuple(tensor.dims) for tensor in baseline.graph.initializer}
    assert constants[node.input[2]] == (4,)


def test_a_matmul_with_a_bias_of_two_axes_becomes_such_a_gemm(tmp_path):
    nodes = [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Add", ["m", "b"], ["y"])]
    model = graph_of(nodes, {"w": normal(0, 8, 4), "b": normal(1, 1, 4)}, {"x": ["n", 8]}, {"y": ["n", 4]})
    baseline, _ = imported(model, tmp_path, ROWS)
    (node,) = baseline.graph.node
    assert [list(t.dims) for t in baseline.graph.initializer if t.name == node.input[2]] == [[4]]


@pytest.mark.parametrize("constant", [True, False])
def test_a_bias_that_differs_between_rows_is_added_behind(tmp_path, constant):
    nodes = [helper.make_node("Gemm", ["x", "w", "c"], ["y"])]
    weights = {"w": normal(0, 8, 4)} | ({"c": normal(1, 2, 4)} if constant else {})
    inputs = {"x": [2, 8]} | ({} if constant else {"c": [2, 4]})
    rows = [{name: normal(3, *shape) for name, shape in inputs.items()}]
    baseline, _ = imported(graph_of(nodes, weights, inputs, {"y": [2, 4]}), tmp_path, rows)
    assert [node.op_type for node in baseline.graph.node] == ["Gemm", "Add"]


def test_factors_of_a_shared_weight_change_one_reader(tmp_path):
    nodes = [
        helper.make_node("Gemm", ["x", "w"], ["a"], alpha=0.5),
        helper.make_node("MatMul", ["x", "w"], ["b"]),
        helper.make_node("Concat", ["a", "b"], ["y"], axis=1),
    ]
    model = graph_of(nodes, {"w": normal(0, 8, 4)}, {"x": ["n", 8]}, {"y": ["n", 8]})
    imported(model, tmp_path, ROWS)


def readers_of_constants(model):
    """Initialiser -> operators that read it."""
    uses = Uses(model)
    return {t.name: [use.node.op_type for use in uses.of(t.name)] for t in model.graph.initializer}


def test_each_convolution_has_its_own_bias_and_they_share_weights(tmp_path):
    nodes = [
        helper.make_node("AveragePool", ["x"], ["small"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["x", "w", "b"], ["y"]),
        helper.make_node("Conv", ["small", "w", "b"], ["z"]),
    ]
    weights = {"w": normal(0, 3, 4, 3, 3), "b": normal(1, 3)}
    model = graph_of(nodes, weights, {"x": [1, 4, 6, 6]}, {"y": [1, 3, 4, 4], "z": [1, 3, 1, 1]})
    baseline, _ = imported(model, tmp_path, IMAGES)
    assert sorted(readers_of_constants(baseline).values()) == [["Conv"], ["Conv"], ["Conv", "Conv"]]


def test_a_weight_that_is_read_along_two_axes_is_copied(tmp_path):
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        helper.make_node("ConvTranspose", ["c", "w"], ["y"]),
    ]
    model = graph_of(nodes, {"w": normal(0, 4, 4, 3, 3)}, {"x": [1, 4, 6, 6]}, {"y": [1, 4, 6, 6]})
    baseline, _ = imported(model, tmp_path, IMAGES)
    assert sorted(readers_of_constants(baseline).values()) == [["Conv"], ["ConvTranspose"]]


def branch(operator):
    out = helper.make_tensor_value_info("r", TensorProto.FLOAT, ["n", 4])
    nodes = [helper.make_node("MatMul", ["x", "w"], ["q"]), helper.make_node(operator, ["q"], ["r"])]
    return helper.make_graph(nodes, operator, [], [out])


def test_an_inner_graph_counts_as_a_reader(tmp_path):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("ReduceSum", ["m"], ["s"], keepdims=0),
        helper.make_node("Greater", ["s", "zero"], ["p"]),
        helper.make_node("If", ["p"], ["k"], then_branch=branch("Relu"), else_branch=branch("Neg")),
        helper.make_node("Add", ["m", "k"], ["y"]),
    ]
    weights = {"w": normal(0, 8, 4), "zero": np.zeros((), "f4")}
    baseline, _ = imported(graph_of(nodes, weights, {"x": ["n", 8]}, {"y": ["n", 4]}), tmp_path, ROWS)
    readers = readers_of_constants(baseline)
    assert readers["w"] == []
    assert ["MatMul"] in readers.values()


@pytest.mark.parametrize(
    "inner", ["x_quantized", "x_scale", "x_zero_point_more", "x_QuantizeLinear_Output", "w_quantized"]
)
def test_a_name_that_the_quantiser_makes_is_given_away(tmp_path, inner):
    nodes = [helper.make_node("Relu", ["x"], [inner]), helper.make_node("MatMul", [inner, "w"], ["y"])]
    model = graph_of(nodes, {"w": normal(0, 8, 4)}, {"x": ["n", 8]}, {"y": ["n", 4]})
    baseline, _ = imported(model, tmp_path, ROWS)
    assert inner not in {name for node in baseline.graph.node for name in (*node.input, *node.output)}


def test_inputs_and_outputs_keep_such_names(tmp_path):
    nodes = [
        helper.make_node("Relu", ["x"], ["x_quantized"]),
        helper.make_node("Relu", ["x_scale"], ["y"], "x_QuantizeLinear"),
    ]
    model = graph_of(
        nodes, {}, {"x": ["n", 8], "x_scale": ["n", 8]}, {"x_quantized": ["n", 8], "y": ["n", 8]}
    )
    baseline, _ = imported(model, tmp_path, [{"x": normal(0, 1, 8), "x_scale": normal(1, 1, 8)}])
    assert [v.name for v in baseline.graph.input] == ["x", "x_scale"]
    assert [v.name for v in baseline.graph.output] == ["x_quantized", "y"]
    assert {node.op_type for node in baseline.graph.node if "x" in node.input} == {"Identity"}
    assert "x_QuantizeLinear" not in {node.name for node in baseline.graph.node}


def test_a_name_that_only_looks_so_stays(tmp_path):
    nodes = [
        helper.make_node("Relu", ["x"], ["input_scale"]),
        helper.make_node("MatMul", ["input_scale", "w"], ["y"]),
    ]
    model = graph_of(nodes, {"w": normal(0, 8, 4)}, {"x": ["n", 8]}, {"y": ["n", 4]})
    baseline, _ = imported(model, tmp_path, ROWS)
    assert baseline.graph.node[0].output[0] == "input_scale"


def test_an_input_that_is_an_output_is_kept_apart(tmp_path):
    model = graph_of(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        {"w": normal(0, 8, 4)},
        {"x": ["n", 8]},
        {"x": ["n", 8], "y": ["n", 4]},
    )
    baseline, _ = imported(model, tmp_path, ROWS)
    assert {node.op_type for node in baseline.graph.node if "x" in node.input} == {"Identity"}


@pytest.mark.parametrize("domain", ["com.microsoft", "ai.onnx.ml"])
def test_types_behind_foreign_operators_are_known(tmp_path, domain):
    first = {
        "com.microsoft": helper.make_node("QuickGelu", ["x"], ["s"], domain=domain),
        "ai.onnx.ml": helper.make_node("Scaler", ["x"], ["s"], domain=domain, offset=[0.0], scale=[2.0]),
    }[domain]
    nodes = [first, helper.make_node("MatMul", ["s", "w"], ["m"]), helper.make_node("Relu", ["m"], ["y"])]
    model = graph_of(nodes, {"w": normal(0, 8, 4)}, {"x": ["n", 8]}, {"y": ["n", 4]}, domains=[domain])
    baseline, _ = imported(model, tmp_path, ROWS)
    types = {v.name: v.type.tensor_type.elem_type for v in baseline.graph.value_info}
    assert types["s"] == types["m"] == onnx.TensorProto.FLOAT


def test_an_external_weight_that_changes_is_read_from_its_file(tmp_path):
    model = gemm(normal(1, 1, 4), alpha=0.5)
    onnx.save(
        model, tmp_path / "external.onnx", save_as_external_data=True, location="w.bin", size_threshold=0
    )
    whole = onnx.load(tmp_path / "external.onnx", load_external_data=False)
    baseline, _ = imported(whole, tmp_path, ROWS)
    (weight,) = [t for t in baseline.graph.initializer if len(t.dims) == 2]
    np.testing.assert_allclose(numpy_helper.to_array(weight), normal(0, 8, 4) * 0.5)


def test_a_constant_that_must_stay_exact_is_no_operand(tmp_path):
    nodes = [
        helper.make_node("Clip", ["x", "", "one"], ["c"]),
        helper.make_node("MatMul", ["c", "w"], ["m"]),
        helper.make_node("Add", ["m", "one"], ["y"]),
    ]
    weights = {"w": normal(0, 8, 4), "one": np.array(1, "f4")}
    baseline, _ = imported(graph_of(nodes, weights, {"x": ["n", 8]}, {"y": ["n", 4]}), tmp_path, ROWS)
    readers = [kinds for kinds in readers_of_constants(baseline).values() if {"Clip", "Add"} & set(kinds)]
    assert sorted(readers) == [["Add"], ["Clip"]]


def test_the_two_weights_of_a_recurrent_layer_are_no_longer_one(tmp_path):
    nodes = [helper.make_node("LSTM", ["x", "w", "w"], ["y"], hidden_size=8)]
    model = graph_of(nodes, {"w": normal(0, 1, 32, 8)}, {"x": [3, "n", 8]}, {"y": [3, 1, "n", 8]})
    baseline, _ = imported(model, tmp_path, [{"x": normal(1, 3, 1, 8)}])
    (node,) = baseline.graph.node
    assert node.input[1] != node.input[2]


@pytest.mark.parametrize("name", ["x_DequantizeLinear", "last_quant"])
def test_a_node_name_that_the_quantiser_makes_is_given_away(tmp_path, name):
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"], name=name),
        helper.make_node("Relu", ["m"], ["y"], name="last"),
    ]
    model = graph_of(nodes, {"w": normal(0, 8, 4)}, {"x": ["n", 8]}, {"y": ["n", 4]})
    baseline, _ = imported(model, tmp_path, ROWS)
    assert name not in {node.name for node in baseline.graph.node}


def test_no_type_is_left_of_a_tensor_that_folding_removed(tmp_path):
    nodes = [
        helper.make_node("Add", ["x", "b"], ["a"]),
        helper.make_node("Relu", ["a"], ["x_QuantizeLinear_Output"]),
        helper.make_node("Clip", ["x_QuantizeLinear_Output", "zero", "six"], ["y"]),
    ]
    weights = {"b": normal(0, 8), "zero": np.array(0, "f4"), "six": np.array(6, "f4")}
    model = graph_of(nodes, weights, {"x": ["n", 8]}, {"y": ["n", 8]})
    model.graph.value_info.append(
        helper.make_tensor_value_info("x_QuantizeLinear_Output", TensorProto.FLOAT, ["n", 8])
    )
    baseline, _ = imported(model, tmp_path, ROWS)
    made = {name for node in baseline.graph.node for name in node.output}
    assert {value.name for value in baseline.graph.value_info} <= made
