"""Constants behind pools, and batch norms that stand behind no layer."""

import numpy as np
import pytest
from onnx import helper

from tests.support.imports import graph_of, normal
from tests.support.rewritten import images, kinds, rewritten

ROWS = images(2, 8, 6, 6)
POSITIVE = np.abs(normal(1, 8)) + 0.5
CONSTANTS = {
    "s": np.array(0.5, "f4"),
    "minus": np.array(-0.5, "f4"),
    "across": normal(2, 6) + 2,
    "c": normal(3, 8, 1, 1),
    "scale": POSITIVE,
    "signed": normal(4, 8),
    "b": normal(5, 8),
    "var": POSITIVE,
    "w": normal(6, 8, 8, 3, 3),
}
MAX = helper.make_node("MaxPool", ["t"], ["y"], kernel_shape=[2, 2], strides=[2, 2])
MEAN = helper.make_node("AveragePool", ["t"], ["y"], kernel_shape=[2, 2], strides=[2, 2])
PADDED = helper.make_node("AveragePool", ["t"], ["y"], kernel_shape=[3, 3], pads=[1, 1, 1, 1])
ZEROS = helper.make_node(
    "AveragePool", ["t"], ["y"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1
)
GLOBAL = helper.make_node("GlobalAveragePool", ["t"], ["y"])


def model(*nodes, shape=None, **outputs):
    return graph_of(nodes, CONSTANTS, {"x": ["n", 8, 6, 6]}, {"y": shape} | outputs)


@pytest.mark.parametrize(
    ("kind", "constant", "pool"),
    [
        ("Mul", "s", MAX),
        ("Add", "c", MAX),
        ("Mul", "minus", MEAN),
        ("Add", "c", PADDED),
        ("Mul", "c", ZEROS),
        ("Sub", "s", GLOBAL),
    ],
)
def test_a_constant_moves_behind_a_pool(kind, constant, pool):
    after, counts = rewritten(model(helper.make_node(kind, ["x", constant], ["t"]), pool), ROWS)
    assert counts["constants before pools"] == 1
    assert kinds(after) == [pool.op_type, kind]


@pytest.mark.parametrize(
    ("kind", "constant", "pool"), [("Mul", "minus", MAX), ("Add", "c", ZEROS), ("Mul", "across", MEAN)]
)
def test_what_does_not_commute_stays(kind, constant, pool):
    assert rewritten(model(helper.make_node(kind, ["x", constant], ["t"]), pool), ROWS)[1] == {}


def test_the_indices_of_a_pool_keep_it():
    pool = helper.make_node("MaxPool", ["t"], ["y", "i"], kernel_shape=[2, 2])
    graph = model(helper.make_node("Mul", ["x", "s"], ["t"]), pool)
    assert rewritten(graph, ROWS)[1] == {}


def norm(given="x", made="y", scale="scale", **more):
    return helper.make_node("BatchNormalization", [given, scale, "b", "b", "var"], [made], **more)


def test_a_batch_norm_becomes_a_depthwise_convolution():
    after, _ = rewritten(model(norm("x", "t"), helper.make_node("Relu", ["t"], ["y"])), ROWS)
    assert kinds(after) == ["Conv", "Relu"]
    assert next(a.i for a in after.graph.node[0].attribute if a.name == "group") == 8


@pytest.mark.parametrize(("scale", "left"), [("scale", ["MaxPool", "Conv"]), ("signed", ["Conv", "MaxPool"])])
def test_it_moves_behind_a_maximum_where_all_slopes_are_positive(scale, left):
    assert kinds(rewritten(model(norm("x", "t", scale), MAX), ROWS)[0]) == left


def test_it_goes_into_the_next_layer_without_padding():
    nodes = [norm("x", "t"), helper.make_node("Conv", ["t", "w"], ["y"])]
    assert kinds(rewritten(model(*nodes), ROWS)[0]) == ["Conv"]


def test_a_vector_keeps_its_batch_norm():
    graph = graph_of([norm()], CONSTANTS, {"x": ["n", 8]}, {"y": ["n", 8]})
    assert rewritten(graph, images(2, 8))[1] == {}


def test_one_channel_keeps_its_batch_norm():
    constants = {name: CONSTANTS[name][:1] for name in ("scale", "b", "var")}
    graph = graph_of([norm()], constants, {"x": ["n", 1, 4, 4]}, {"y": None})
    assert rewritten(graph, images(2, 1, 4, 4))[1] == {}


def test_an_offset_between_convolutions_stays_in_their_layout():
    first = helper.make_node("Conv", ["x", "w", "b"], ["t"])
    pair = [helper.make_node("Relu", ["t"], ["r"]), helper.make_node("Add", ["r", "s"], ["a"])]
    padded = helper.make_node("Conv", ["a", "w"], ["y"], pads=[1, 1, 1, 1])
    assert kinds(rewritten(model(first, *pair, padded), ROWS)[0]) == ["Conv", "Relu", "Conv", "Conv"]
    seen = [*pair, padded]
    assert kinds(rewritten(model(first, *seen, a=None), ROWS)[0]) == ["Conv", "Relu", "Add", "Conv"]
