"""Layer normalisation spelled out."""

import numpy as np
import pytest
from onnx import helper

from tests.support.imports import graph_of, normal
from tests.support.rewritten import images, kinds, rewritten

ROWS = images(2, 5, 8)
CONSTANTS = {
    "e": np.array(1e-5, "f4"),
    "two": np.array(2, "f4"),
    "one": np.array(1, "f4"),
    "g": normal(0, 8),
    "b": normal(1, 1, 8),
    "rows": normal(2, 5, 1),
}
MEAN = helper.make_node("ReduceMean", ["x"], ["m"], axes=[-1])
VARIANCE = helper.make_node("ReduceMean", ["p"], ["v"], axes=[2], keepdims=1)
SQUARES = {
    "Mul": helper.make_node("Mul", ["d", "d"], ["p"]),
    "Pow": helper.make_node("Pow", ["d", "two"], ["p"]),
}


def step(text):
    out, kind, *inputs = text.split()
    return helper.make_node(kind, inputs, [out])


HEAD = [MEAN, step("d Sub x m")]
ROOT = [VARIANCE, step("a Add v e"), step("s Sqrt a")]
ENDS = {
    "divided": ["n Div d s", "k Mul n g", "y Add k b"],
    "reciprocal": ["r Reciprocal s", "n Mul d r", "k Mul g n", "y Add b k"],
    "one over": ["r Div one s", "n Mul d r", "y Mul n g"],
    "plain": ["y Div d s"],
    "one factor": ["r Reciprocal s", "f Mul r g", "xf Mul x f", "mf Mul m f", "o Sub b mf", "y Add xf o"],
}


def model(*nodes, **outputs):
    return graph_of(nodes, CONSTANTS, {"x": ["n", 5, 8]}, {"y": None} | outputs)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("square", SQUARES)
def test_each_form_is_the_operator(end, square):
    after, _ = rewritten(model(*HEAD, SQUARES[square], *ROOT, *map(step, ENDS[end])), ROWS)
    assert kinds(after) == ["LayerNormalization"]


def test_rows_far_from_zero_keep_their_digits():
    rows = [{"x": row["x"] + 1000} for row in ROWS[1:2]]
    rewritten(model(*HEAD, SQUARES["Mul"], *ROOT, *map(step, ENDS["reciprocal"])), rows)


def test_a_gain_per_position_stays_behind():
    nodes = [*HEAD, SQUARES["Pow"], *ROOT, *map(step, ["n Div d s", "y Mul n rows"])]
    assert kinds(rewritten(model(*nodes), ROWS)[0]) == ["LayerNormalization", "Mul"]


@pytest.mark.parametrize(
    "nodes",
    [
        [*HEAD, step("p Mul d x"), *ROOT, step("y Div d s")],  # no square
        [
            helper.make_node("ReduceMean", ["x"], ["m"], axes=[1]),
            step("d Sub x m"),
            SQUARES["Mul"],
            *ROOT,
            step("y Div d s"),
        ],
        [
            *HEAD,
            SQUARES["Mul"],
            VARIANCE,
            step("a Add v two"),
            step("s Sqrt a"),
            step("y Div d s"),
        ],  # a large epsilon
        [*HEAD, SQUARES["Mul"], *ROOT, step("y Div x s")],  # not centred
        [*HEAD, SQUARES["Mul"], *ROOT, step("y Div s d")],
    ],
)
def test_what_is_none_stays(nodes):
    assert rewritten(model(*nodes), ROWS[1:3])[1] == {}
