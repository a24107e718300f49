"""A Softmax over two classes."""

import numpy as np
import pytest
from onnx import helper

from tests.support.imports import graph_of, normal
from tests.support.rewritten import images, kinds, rewritten

VECTOR, IMAGE = images(3, 6), images(1, 4, 5, 5)
CONSTANTS = {
    "w": normal(0, 6, 2),
    "turned": normal(1, 2, 6),
    "b": normal(2, 2),
    "three": normal(3, 6, 3),
    "kernel": normal(4, 4, 4, 1, 1),
    "more": normal(5, 6, 4, 3, 3),
    "grouped": normal(6, 4, 1, 1, 1),
    "pairs": np.array([1, -1, 2]),
}


def soft(given, made="y", **attributes):
    return helper.make_node("Softmax", [given], [made], **attributes)


def head(*nodes, **outputs):
    return graph_of(nodes, CONSTANTS, {"x": ["n", 6]}, {"y": None} | outputs)


@pytest.mark.parametrize(
    "layer",
    [
        helper.make_node("MatMul", ["x", "w"], ["z"]),
        helper.make_node("Gemm", ["x", "w", "b"], ["z"]),
        helper.make_node("Gemm", ["x", "turned", "b"], ["z"], transB=1),
    ],
)
@pytest.mark.parametrize("axis", [-1, 1])
def test_behind_a_layer_it_is_a_sigmoid(layer, axis):
    after, counts = rewritten(head(layer, soft("z", axis=axis)), VECTOR)
    assert kinds(after) == [layer.op_type, "Sigmoid"]
    assert counts == {"softmax of two classes": 1}


def detector(kernel="kernel", group=1):
    """Scores of anchors at two scales, joined."""
    return [
        helper.make_node("Conv", ["x", kernel], ["c"], group=group),
        helper.make_node("Transpose", ["c"], ["t"], perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", ["t", "pairs"], ["r"]),
        helper.make_node("Conv", ["x", "more"], ["c2"]),
        helper.make_node("Transpose", ["c2"], ["t2"], perm=[0, 2, 3, 1]),
        helper.make_node("Reshape", ["t2", "pairs"], ["r2"]),
        helper.make_node("Concat", ["r", "r2"], ["j"], axis=1),
        soft("j"),
    ]


def anchors(nodes):
    return graph_of(nodes, CONSTANTS, {"x": [1, 4, 5, 5]}, {"y": None})


def test_through_joined_scores_of_a_detector():
    after, _ = rewritten(anchors(detector()), IMAGE)
    assert "Softmax" not in kinds(after)
    assert kinds(after)[-1] == "Sigmoid"


def test_groups_of_one_channel_cannot_hold_differences():
    assert rewritten(anchors(detector("grouped", 4)), IMAGE)[1] == {}


@pytest.mark.parametrize(
    "model",
    [
        head(helper.make_node("MatMul", ["x", "three"], ["z"]), soft("z")),  # three classes
        head(helper.make_node("MatMul", ["x", "w"], ["z"]), soft("z", axis=0)),  # over the rows
        head(helper.make_node("MatMul", ["x", "w"], ["z"]), soft("z"), z=None),  # scores are an output
        head(
            *(helper.make_node("MatMul", ["x", "w"], ["z"]), soft("z")),
            helper.make_node("Relu", ["z"], ["r"]),
            r=None,
        ),
        head(
            helper.make_node("MatMul", ["x", "w"], ["z"]), helper.make_node("Relu", ["z"], ["s"]), soft("s")
        ),
    ],
)
def test_any_other_stays(model):
    assert "softmax of two classes" not in rewritten(model, VECTOR)[1]
