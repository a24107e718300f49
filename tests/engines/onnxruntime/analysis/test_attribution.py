"""From kernels back to the baseline's nodes, on real optimised graphs of every kind of recipe."""

import numpy as np
import onnx
import pytest
from onnx import helper

from inc_mlflow.engines.onnxruntime.analysis.attribution import by_baseline_node, is_integer, operator
from inc_mlflow.engines.onnxruntime.analysis.profile import profile
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL, read_structure
from inc_mlflow.engines.onnxruntime.graph.normalize import normalize
from inc_mlflow.engines.onnxruntime.options import Dynamic, Static
from tests.support.graphs import conv_with_batch_norm, linear, model
from tests.support.onnx_candidates import quantize

HEAVY = {"Conv", "MatMul", "Gemm"}
RECIPES = [
    Static(),
    Static(activation_type="QInt8"),
    Static(quant_format="QOperator"),
    Static(op_types_to_quantize=("Conv",)),
    Dynamic(),
]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda one: one.label())
def test_every_kernel_of_a_candidate_is_charged_to_a_baseline_node(recipe, baseline, ranges, rows, tmp_path):
    quantize(baseline, ranges, recipe, tmp_path / MODEL)
    found = profile({"candidate": tmp_path / MODEL}, rows[:1], passes=2)["candidate"]
    costs = by_baseline_node(baseline, found)
    assert sum(one.seconds + one.conversions for one in costs.values()) == pytest.approx(found.seconds)
    for node in read_structure(baseline).graph.node:
        if node.op_type in HEAVY:
            assert (
                len([one for one in costs[node.name].kernels if operator(one) == operator(node.op_type)]) == 1
            )


def test_the_baseline_is_charged_to_its_own_operators(baseline, rows):
    costs = by_baseline_node(baseline, profile({"baseline": baseline}, rows[:1], passes=2)["baseline"])
    types = {node.name: node.op_type for node in read_structure(baseline).graph.node}
    assert {types[name] for name in costs} == {
        "Conv",
        "Add",
        "MaxPool",
        "GlobalAveragePool",
        "Flatten",
        "Gemm",
    }
    assert all(one.kernels == (types[name],) and not one.integer for name, one in costs.items())


def test_conversions_are_charged_to_the_integer_kernel_they_serve(baseline, ranges, rows, tmp_path):
    recipe = Static(op_types_to_quantize=("Gemm",))
    quantize(baseline, ranges, recipe, tmp_path / MODEL)
    costs = by_baseline_node(baseline, profile({"one": tmp_path / MODEL}, rows[:1], passes=20)["one"])
    gemm = next(node.name for node in read_structure(baseline).graph.node if node.op_type == "Gemm")
    assert [name for name, one in costs.items() if one.integer] == [gemm]
    assert costs[gemm].kernels == ("QGemm",)
    assert costs[gemm].conversions > 0


def _residual() -> onnx.ModelProto:
    """relu(conv(c) + c) with c = relu(conv(x)): both convolutions swallow what follows them."""
    generator = np.random.default_rng(0)
    weights = {name: generator.standard_normal((16, 16, 3, 3)).astype("f4") for name in ("w", "v")}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["c"]),
        helper.make_node("Conv", ["c", "v"], ["d"], pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["d", "c"], ["e"]),
        helper.make_node("Relu", ["e"], ["y"]),
    ]
    return model(nodes, weights, {"x": [1, 16, 8, 8]}, {"y": [1, 16, 8, 8]}, 17)


@pytest.mark.parametrize(
    ("graph", "row", "owners"),
    [
        (_residual(), {"x": np.ones((1, 16, 8, 8), "f4")}, {"Conv_0", "Conv_2"}),
        (linear(), {"x": np.ones((2, 8), "f4")}, {"/MatMulAddFusion"}),
        (conv_with_batch_norm(), {"x": np.ones((1, 3, 8, 8), "f4")}, {"Conv_0"}),
    ],
    ids=["residual", "linear", "batch norm"],
)
def test_fused_neighbours_are_charged_to_the_node_that_computes(graph, row, owners, tmp_path):
    onnx.save(graph, tmp_path / "source.onnx")
    normalize(tmp_path / "source.onnx", tmp_path)
    costs = by_baseline_node(tmp_path / MODEL, profile({"it": tmp_path / MODEL}, [row], passes=2)["it"])
    assert set(costs) == owners


@pytest.mark.parametrize(
    ("kernel", "plain", "integer"),
    [
        ("Conv", "Conv", False),
        ("NhwcFusedConv", "Conv", False),
        ("QLinearConv", "Conv", True),
        ("ConvInteger", "Conv", True),
        ("QGemm", "MatMul", True),
        ("FusedMatMul", "MatMul", False),
        ("DynamicQuantizeMatMul", "MatMul", True),
        ("MatMulIntegerToFloat", "MatMul", True),
        ("DynamicQuantizeLSTM", "LSTM", True),
        ("NhwcMaxPool", "MaxPool", False),
        ("SkipLayerNormalization", "LayerNormalization", False),
        ("QuantizeLinear", "QuantizeLinear", False),
    ],
)
def test_kernels_are_known_by_their_operator(kernel, plain, integer):
    assert operator(kernel) == plain
    assert is_integer(kernel) == integer
