"""One-hot encodings times weights, with ids in range, out of range and negative."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from tests.support.imports import normal
from tests.support.rewritten import kinds, rewritten

DEPTH = 5
ROWS = [{"ids": np.array([[0, 4, 2], [-1, 5, -5], [-6, 100, 1]])}]
CONSTANTS = {
    "numbers": np.arange(DEPTH).reshape(1, 1, DEPTH),
    "from one": np.arange(1, DEPTH + 1).reshape(1, 1, DEPTH),
    "w": normal(0, DEPTH, 3),
    "last": np.array([-1]),
    "depth": np.array([DEPTH]),
    "float depth": np.array([DEPTH], "f4"),
    "ends": np.array([0, 1], "f4"),
    "other ends": np.array([0, 2], "f4"),
    "one": np.array([1]),
}
UNSQUEEZE = helper.make_node("Unsqueeze", ["ids", "last"], ["column"])
CAST = helper.make_node("Cast", ["same"], ["hot"], to=TensorProto.FLOAT)
PRODUCT = helper.make_node("MatMul", ["hot", "w"], ["y"])


def model(*nodes, kind=np.int64, ids=("n", 3)):
    number = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
    whole = {name: a.astype(kind) if name in ("numbers", "from one") else a for name, a in CONSTANTS.items()}
    weights = [
        helper.make_tensor(n, helper.np_dtype_to_tensor_dtype(a.dtype), a.shape, a) for n, a in whole.items()
    ]
    graph = helper.make_graph(
        [*nodes, PRODUCT],
        "graph",
        [helper.make_tensor_value_info("ids", number, ids)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def rows(kind):
    return [{"ids": row["ids"].astype(kind)} for row in ROWS]


@pytest.mark.parametrize("kind", [np.int32, np.int64])
@pytest.mark.parametrize("order", [["column", "numbers"], ["numbers", "column"]])
def test_a_comparison_with_all_numbers(kind, order):
    after, counts = rewritten(
        model(UNSQUEEZE, helper.make_node("Equal", order, ["same"]), CAST, kind=kind), rows(kind)
    )
    assert counts == {"one-hot": 1}
    assert kinds(after)[-2:] == ["Clip", "Gather"]
    assert "MatMul" not in kinds(after)


def test_an_expand_that_keeps_one_column():
    nodes = [
        helper.make_node("Shape", ["ids"], ["shape"]),
        helper.make_node("Concat", ["shape", "one"], ["wide"], axis=0),
        helper.make_node("Expand", ["column", "wide"], ["expanded"]),
        helper.make_node("Equal", ["expanded", "numbers"], ["same"]),
    ]
    assert rewritten(model(UNSQUEEZE, *nodes, CAST), ROWS)[1] == {"one-hot": 1}


def test_an_expand_to_all_columns_stays():
    nodes = [
        helper.make_node("Shape", ["ids"], ["shape"]),
        helper.make_node("Concat", ["shape", "depth"], ["wide"], axis=0),
        helper.make_node("Expand", ["column", "wide"], ["expanded"]),
        helper.make_node("Equal", ["expanded", "numbers"], ["same"]),
    ]
    assert rewritten(model(UNSQUEEZE, *nodes, CAST), ROWS)[1] == {}


def test_the_operator():
    node = helper.make_node("OneHot", ["ids", "depth", "ends"], ["hot"])
    assert kinds(rewritten(model(node), ROWS)[0]) == ["Clip", "Gather"]


@pytest.mark.parametrize(
    "nodes",
    [
        [UNSQUEEZE, helper.make_node("Equal", ["column", "from one"], ["same"]), CAST],  # other numbers
        [helper.make_node("OneHot", ["ids", "depth", "other ends"], ["hot"])],  # a 2 for each id
    ],
)
def test_any_other_encoding_stays(nodes):
    assert rewritten(model(*nodes), ROWS)[1] == {}


def test_another_axis_stays():
    node = helper.make_node("OneHot", ["ids", "depth", "ends"], ["hot"], axis=1)
    graph = model(node, ids=("n", DEPTH))
    assert rewritten(graph, [{"ids": np.zeros((2, DEPTH), np.int64)}])[1] == {}


def test_ids_that_are_floats_stay():
    node = helper.make_node("OneHot", ["ids", "float depth", "ends"], ["hot"])
    assert rewritten(model(node, kind=np.float32), rows(np.float32))[1] == {}
