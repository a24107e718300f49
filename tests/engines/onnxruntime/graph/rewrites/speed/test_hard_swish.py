"""x Clip(x + 3, 0, 6) / 6 as exporters write it."""

import numpy as np
import pytest
from onnx import helper

from tests.support.imports import graph_of
from tests.support.rewritten import images, kinds, rewritten

NUMBERS = {name: np.array(value, "f4") for name, value in {"3": 3, "0": 0, "6": 6, "sixth": 1 / 6}.items()}
ROWS = images(2, 4, 5, 5)
SHAPE = {"x": ["n", 4, 5, 5]}, {"y": ["n", 4, 5, 5]}


def node(kind, inputs, output):
    return helper.make_node(kind, inputs.split(), [output])


GATE = [node("Add", "x 3", "a"), node("Clip", "a 0 6", "c")]
FORMS = {
    "product divided": [*GATE, node("Mul", "x c", "m"), node("Div", "m 6", "y")],
    "product scaled": [*GATE, node("Mul", "c x", "m"), node("Mul", "sixth m", "y")],
    "gate divided": [*GATE, node("Div", "c 6", "g"), node("Mul", "x g", "y")],
    "gate scaled": [*GATE, node("Mul", "sixth c", "g"), node("Mul", "g x", "y")],
    "factor divided": [*GATE, node("Div", "x 6", "f"), node("Mul", "f c", "y")],
    "operator": [node("HardSwish", "x", "y")],
    "ReLU6 of two": [
        *(node("Add", "3 x", "a"), node("Relu", "a", "r"), node("Min", "r 6", "c")),
        *(node("Mul", "x c", "m"), node("Div", "m 6", "y")),
    ],
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_becomes_one(form):
    after, counts = rewritten(graph_of(FORMS[form], NUMBERS, *SHAPE), ROWS)
    assert counts["hard swish"] == 1
    assert kinds(after) == ["HardSigmoid", "Mul"]


def test_another_slope_and_a_gate_of_its_own():
    nodes = [
        *(node("Mul", "x slope", "s"), node("Add", "s half", "a"), node("Clip", "a 0 one", "c")),
        node("Mul", "z c", "y"),
    ]
    numbers = NUMBERS | {"slope": np.array(0.2, "f4"), "half": np.array(0.5, "f4"), "one": np.array(1, "f4")}
    model = graph_of(nodes, numbers, {"x": [1, 4], "z": [1, 4]}, {"y": [1, 4]})
    rows = [{"x": row["x"], "z": row["x"] + 1} for row in images(1, 4)]
    after, _ = rewritten(model, rows)
    assert kinds(after) == ["HardSigmoid", "Mul"]


@pytest.mark.parametrize(
    ("nodes", "more"),
    [
        ([*GATE, node("Mul", "x c", "m"), node("Div", "m 3", "y")], {}),  # another divisor
        ([*GATE, node("Mul", "x c", "m"), node("Div", "6 m", "y")], {}),  # divided by the product
        (
            [node("Add", "x 3", "a"), node("Clip", "a 3 6", "c"), node("Div", "c 6", "y")],
            {},
        ),  # another low end
        ([node("Clip", "x 0 6", "c"), node("Div", "c 6", "y")], {}),  # no offset: a plain ReLU6
        ([*GATE, node("Mul", "x c", "m"), node("Div", "m 6", "y")], {"c": ["n", 4, 5, 5]}),  # an output
        (
            [*GATE, node("Mul", "x c", "m"), node("Div", "m 6", "d"), node("Add", "d c", "y")],
            {},
        ),  # read twice
        ([*GATE, node("Mul", "x c", "m"), node("Div", "m 6", "y")], {"m": ["n", 4, 5, 5]}),
    ],
)
def test_what_is_none_stays(nodes, more):
    after, counts = rewritten(graph_of(nodes, NUMBERS, SHAPE[0], SHAPE[1] | more), ROWS)
    assert "hard swish" not in counts
    assert "HardSigmoid" not in kinds(after)
