"""Operators on rows of a constant table."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.support.imports import normal
from tests.support.rewritten import kinds, rewritten

ROWS = [{"ids": np.array([[0, 3, 2], [1, -1, 0]]), "other": np.array([[3, 3, 3], [0, 0, 1]])}]
CONSTANTS = {
    "t": normal(0, 4, 3),
    "row": normal(1, 1, 1, 3),
    "half": np.array(0.5, "f4"),
    "places": normal(2, 3, 3),
    "wide": normal(3, 1, 1, 1, 3),
}
READ = helper.make_node("Gather", ["t", "ids"], ["g"], axis=0)


def model(*nodes, **outputs):
    graph = helper.make_graph(
        [READ, *nodes],
        "graph",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["n", 3]) for name in ROWS[0]],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in ("y", *outputs)],
        [helper.make_tensor(name, TensorProto.FLOAT, a.shape, a) for name, a in CONSTANTS.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_a_chain_that_reads_the_rows_twice_is_one_table():
    after, _ = rewritten(
        model(
            *(helper.make_node("Add", ["row", "g"], ["a"]), helper.make_node("Tanh", ["a"], ["b"])),
            *(helper.make_node("Mul", ["b", "half"], ["c"]), helper.make_node("Mul", ["a", "c"], ["y"])),
        ),
        ROWS,
    )
    assert kinds(after) == ["Gather"]
    assert len(after.graph.initializer) == 1


@pytest.mark.parametrize(
    "nodes",
    [
        [helper.make_node("Add", ["g", "places"], ["y"])],  # a constant that differs between places
        [helper.make_node("Add", ["g", "wide"], ["y"])],  # one that adds an axis
        [helper.make_node("Softmax", ["g"], ["y"])],  # no elementwise operator
        [helper.make_node("Log", ["g"], ["y"])],  # a table that is not finite
        [helper.make_node("Gather", ["t", "other"], ["h"]), helper.make_node("Add", ["g", "h"], ["y"])],
    ],
)
def test_what_is_no_function_of_the_row_stays(nodes):
    assert rewritten(model(*nodes), ROWS)[1] == {}


def test_a_read_along_another_axis_stays():
    nodes = [
        helper.make_node("Gather", ["t", "other"], ["h"], axis=1),
        helper.make_node("Relu", ["h"], ["y"]),
    ]
    rows = [{name: np.abs(values) % 3 for name, values in ROWS[0].items()}]
    assert rewritten(model(*nodes), rows)[1] == {}
