"""Nodes in the order of the data, and in their own where that is one."""

import onnx
from onnx import TensorProto, helper

from inc_mlflow.engines.onnxruntime.graph.topological import sort_nodes
from tests.support.graphs import model


def names(graph: onnx.ModelProto) -> list[str]:
    return [node.name for node in graph.graph.node]


def chain(*order: int) -> onnx.ModelProto:
    nodes = [helper.make_node("Neg", [f"t{i}"], [f"t{i + 1}"], name=str(i)) for i in range(3)]
    return model([nodes[i] for i in order], {}, {"t0": [1]}, {"t3": [1]}, 17)


def test_readers_follow_makers():
    graph = chain(2, 0, 1)
    sort_nodes(graph)
    assert names(graph) == ["0", "1", "2"]


def test_an_order_of_the_data_stays_as_it_is():
    nodes = [helper.make_node("Neg", ["x"], [f"y{i}"], name=str(i)) for i in (3, 1, 2)]
    graph = model(nodes, {}, {"x": [1]}, {"y1": [1], "y2": [1], "y3": [1]}, 17)
    sort_nodes(graph)
    assert names(graph) == ["3", "1", "2"]


def test_what_a_branch_reads_comes_before_it():
    value = helper.make_tensor_value_info("s", TensorProto.FLOAT, None)
    body = helper.make_graph([helper.make_node("Neg", ["t"], ["s"])], "body", [], [value])
    branch = helper.make_node("If", ["k"], ["y"], name="if", then_branch=body, else_branch=body)
    nodes = [
        helper.make_node("Less", ["x", "x"], ["k"], name="less"),
        branch,
        helper.make_node("Exp", ["x"], ["t"], name="exp"),
    ]
    graph = model(nodes, {}, {"x": []}, {"y": []}, 17)
    sort_nodes(graph)
    assert names(graph) == ["less", "exp", "if"]
