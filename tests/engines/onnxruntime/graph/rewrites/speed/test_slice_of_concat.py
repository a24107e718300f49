"""Slices and splits of what was just joined."""

import numpy as np
import pytest
from onnx import helper

from tests.support.imports import graph_of
from tests.support.rewritten import kinds, rewritten

INPUTS = {"x": ["n", 2], "z": ["n", 3]}
ROWS = [{"x": np.arange(4, dtype="f4").reshape(2, 2), "z": np.arange(6, dtype="f4").reshape(2, 3)}]
JOIN = helper.make_node("Concat", ["x", "z"], ["j"], axis=1)


def model(start, end, axis=1, step=1, **outputs):
    limits = {"start": start, "end": end, "axis": axis, "step": step}
    constants = {name: np.array([value], np.int64) for name, value in limits.items()}
    nodes = [
        JOIN,
        helper.make_node("Slice", ["j", "start", "end", "axis", "step"], ["s"]),
        helper.make_node("Relu", ["s"], ["y"]),
    ]
    return graph_of(nodes, constants, INPUTS, {"y": None} | outputs)


@pytest.mark.parametrize(
    ("limits", "left"),
    [
        ((0, 2), ["Relu"]),
        ((2, 2**62), ["Relu"]),
        ((-3, 5, -1), ["Relu"]),
        ((3, 5), ["Slice", "Relu"]),
        ((0, 1), ["Slice", "Relu"]),
    ],
)
def test_a_slice_within_one_part(limits, left):
    after, counts = rewritten(model(*limits), ROWS)
    assert counts == {"slice of concat": 1}
    assert kinds(after) == left


@pytest.mark.parametrize("limits", [(1, 4), (0, 2, 0), (0, 2, 1, 2), (2, 2)])
def test_any_other_stays(limits):
    assert rewritten(model(*limits), ROWS)[1] == {}


def test_a_slice_that_is_an_output_stays():
    assert rewritten(model(0, 2, s=None), ROWS)[1] == {}


@pytest.mark.parametrize(
    ("sizes", "left"), [((2, 3), ["Neg", "Relu"]), ((3, 2), ["Concat", "Split", "Neg", "Relu"])]
)
def test_a_split_into_the_parts(sizes, left):
    nodes = [
        JOIN,
        helper.make_node("Split", ["j", "sizes"], ["a", "b"], axis=1),
        *(helper.make_node("Neg", ["a"], ["y"]), helper.make_node("Relu", ["b"], ["w"])),
    ]
    graph = graph_of(nodes, {"sizes": np.array(sizes, np.int64)}, INPUTS, {"y": None, "w": None})
    assert kinds(rewritten(graph, ROWS)[0]) == left
