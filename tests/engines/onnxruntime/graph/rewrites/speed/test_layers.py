"""Factors and offsets before and behind Conv, Gemm and MatMul."""

import numpy as np
import pytest
from onnx import helper

from tests.support.imports import graph_of, normal
from tests.support.rewritten import images, kinds, rewritten

IMAGE = {"x": ["n", 4, 6, 6]}
ROWS = images(2, 4, 6, 6)
CONSTANTS = {
    "s": np.array(0.5, "f4"),
    "one": np.array([3.0], "f4"),
    "c": normal(1, 4, 1, 1) + 2,
    "across": normal(2, 6) + 2,
    "w": normal(3, 4, 4, 3, 3),
    "grouped": normal(4, 4, 2, 3, 3),
    "b": normal(5, 4),
    "m": normal(6, 6, 6),
    "n": normal(7, 4, 36 * 4),
    "zero": np.array(0.0, "f4"),
}


def conv(given, made, weights="w", **attributes):
    return helper.make_node("Conv", [given, weights, "b"], [made], **attributes)


def model(nodes, shape=("n", 4, 4, 4), **outputs):
    return graph_of(nodes, CONSTANTS, IMAGE, {"y": shape} | outputs)


@pytest.mark.parametrize("kind", ["Add", "Div", "Mul", "Sub"])
@pytest.mark.parametrize("constant", ["s", "one", "c"])
@pytest.mark.parametrize("weights", ["w", "grouped"])
def test_a_constant_behind_a_convolution(kind, constant, weights):
    nodes = [conv("x", "t", weights, group=2 if weights == "grouped" else 1)]
    nodes.append(helper.make_node(kind, ["t", constant], ["y"]))
    assert kinds(rewritten(model(nodes), ROWS)[0]) == ["Conv"]


@pytest.mark.parametrize("kind", ["Add", "Div", "Mul", "Sub"])
@pytest.mark.parametrize("constant", ["s", "one", "c"])
@pytest.mark.parametrize("weights", ["w", "grouped"])
def test_a_constant_before_a_convolution_without_padding(kind, constant, weights):
    nodes = [helper.make_node(kind, ["x", constant], ["t"])]
    nodes.append(conv("t", "y", weights, group=2 if weights == "grouped" else 1))
    assert kinds(rewritten(model(nodes), ROWS)[0]) == ["Conv"]


@pytest.mark.parametrize("attributes", [{"pads": [1, 1, 1, 1]}, {"auto_pad": "SAME_UPPER"}])
def test_padding_lets_factors_through_and_no_offsets(attributes):
    scaled = [helper.make_node("Mul", ["x", "c"], ["t"]), conv("t", "y", **attributes)]
    shifted = [helper.make_node("Add", ["x", "s"], ["t"]), conv("t", "y", **attributes)]
    both = [
        *(helper.make_node("Mul", ["x", "c"], ["p"]), helper.make_node("Add", ["p", "s"], ["t"])),
        conv("t", "y", **attributes),
    ]
    shape = ("n", 4, 6, 6)
    assert kinds(rewritten(model(scaled, shape), ROWS)[0]) == ["Conv"]
    assert kinds(rewritten(model(shifted, shape), ROWS)[0]) == ["Add", "Conv"]
    assert kinds(rewritten(model(both, shape), ROWS)[0]) == ["Add", "Conv"]


def test_all_layers_that_read_take_the_constant():
    nodes = [
        helper.make_node("Mul", ["x", "s"], ["t"]),
        conv("t", "y"),
        conv("t", "z", "w", pads=[1, 1, 1, 1]),
    ]
    after, _ = rewritten(model(nodes, z=("n", 4, 6, 6)), ROWS)
    assert kinds(after) == ["Conv", "Conv"]


def test_another_reader_an_output_or_a_constant_along_another_axis_stays():
    read = [
        helper.make_node("Mul", ["x", "s"], ["t"]),
        conv("t", "y"),
        helper.make_node("Relu", ["t"], ["z"]),
    ]
    assert kinds(rewritten(model(read, z=("n", 4, 6, 6)), ROWS)[0]) == ["Mul", "Conv", "Relu"]
    shown = [conv("x", "t"), helper.make_node("Mul", ["t", "s"], ["y"])]
    assert kinds(rewritten(model(shown, t=("n", 4, 4, 4)), ROWS)[0]) == ["Conv", "Mul"]
    across = [helper.make_node("Mul", ["x", "across"], ["t"]), conv("t", "y")]
    assert kinds(rewritten(model(across), ROWS)[0]) == ["Mul", "Conv"]
    divided = [helper.make_node("Div", ["s", "x"], ["t"]), conv("t", "y")]
    assert kinds(rewritten(model(divided), ROWS[1:2])[0]) == ["Div", "Conv"]
    zero = [helper.make_node("Mul", ["x", "zero"], ["t"]), helper.make_node("Add", ["t", "s"], ["u"])]
    assert "Add" in kinds(rewritten(model([*zero, conv("u", "y", pads=[1] * 4)], ("n", 4, 6, 6)), ROWS)[0])


def test_a_reader_in_a_branch_keeps_the_tensor():
    out = helper.make_tensor_value_info("r", 1, ["n", 4, 4, 4])
    bodies = [
        helper.make_graph([helper.make_node(kind, ["t"], ["r"])], kind, [], [out]) for kind in ("Relu", "Neg")
    ]
    nodes = [
        conv("x", "t"),
        helper.make_node("Mul", ["t", "s"], ["y"]),
        *(
            helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0),
            helper.make_node("Greater", ["sum", "s"], ["p"]),
        ),
        helper.make_node("If", ["p"], ["z"], then_branch=bodies[0], else_branch=bodies[1]),
    ]
    after, counts = rewritten(model(nodes, z=("n", 4, 4, 4)), ROWS)
    assert counts == {}
    assert "Mul" in kinds(after)


@pytest.mark.parametrize("behind", [True, False])
def test_matmul_takes_factors(behind):
    nodes = [helper.make_node("MatMul", ["x", "m"], ["t"]), helper.make_node("Mul", ["t", "across"], ["y"])]
    if not behind:
        nodes = [
            helper.make_node("Mul", ["x", "across"], ["t"]),
            helper.make_node("MatMul", ["t", "m"], ["y"]),
        ]
    assert kinds(rewritten(model(nodes, ("n", 4, 6, 6)), ROWS)[0]) == ["MatMul"]


def test_a_factor_goes_through_the_bias_of_a_matmul():
    nodes = [
        helper.make_node("MatMul", ["x", "m"], ["p"]),
        helper.make_node("Add", ["across", "p"], ["t"]),
        helper.make_node("Div", ["t", "s"], ["y"]),
    ]
    assert kinds(rewritten(model(nodes, ("n", 4, 6, 6)), ROWS)[0]) == ["MatMul", "Add"]


def test_gemm_takes_factors_and_offsets():
    nodes = [
        *(helper.make_node("Flatten", ["x"], ["f"]), helper.make_node("Mul", ["f", "s"], ["g"])),
        *(
            helper.make_node("Add", ["g", "one"], ["h"]),
            helper.make_node("Gemm", ["h", "n", "b"], ["t"], transB=1),
        ),
        *(helper.make_node("Sub", ["s", "t"], ["u"]), helper.make_node("Mul", ["u", "b"], ["y"])),
    ]
    assert kinds(rewritten(model(nodes, ("n", 4)), ROWS)[0]) == ["Flatten", "Gemm"]


def test_the_half_of_a_gelu_stays_where_it_fuses():
    nodes = [
        *(helper.make_node("Div", ["x", "root"], ["d"]), helper.make_node("Erf", ["d"], ["e"])),
        *(helper.make_node("Add", ["e", "unit"], ["a"]), helper.make_node("Mul", ["x", "a"], ["g"])),
        *(helper.make_node("Mul", ["g", "s"], ["h"]), helper.make_node("MatMul", ["h", "m"], ["y"])),
    ]
    constants = CONSTANTS | {"root": np.array(2**0.5, "f4"), "unit": np.array(1.0, "f4")}
    assert rewritten(graph_of(nodes, constants, IMAGE, {"y": ("n", 4, 6, 6)}), ROWS)[1] == {}
