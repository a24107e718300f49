"""What works in INT8 is counted by operator; what only converts counts where nothing computes."""

import pytest
from onnx import TensorProto, helper

from inc_mlflow.engines.onnxruntime.graph.int8_operators import int8_operators


def graph(*operators, inside=()):
    body = helper.make_graph([helper.make_node(name, ["x"], [name]) for name in inside], "body", [], [])
    nodes = [helper.make_node(name, ["x"], [f"y{i}"]) for i, name in enumerate(operators)]
    nodes += [helper.make_node("If", ["c"], ["z"], then_branch=body, else_branch=body)] if inside else []
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    return helper.make_model(helper.make_graph(nodes, "g", [value], []))


@pytest.mark.parametrize(
    ("operators", "inside", "found"),
    [
        (["Conv", "Relu", "DequantizeLinear"], [], {}),
        (["ConvInteger", "MatMulInteger", "ConvInteger", "DynamicQuantizeLinear"], [],
         {"ConvInteger": 2, "MatMulInteger": 1}),
        (["QuantizeLinear", "DequantizeLinear", "Conv", "QuantizeLinear"], [], {"QuantizeLinear": 2}),
        (["QLinearConv", "QuantizeLinear", "QGemm"], [], {"QLinearConv": 1, "QGemm": 1}),
        (["Conv"], ["MatMulInteger"], {"MatMulInteger": 2}),
    ],
)  # fmt: skip
def test_counts(operators, inside, found):
    assert int8_operators(graph(*operators, inside=inside)) == found
