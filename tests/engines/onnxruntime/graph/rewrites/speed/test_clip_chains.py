"""Chains of Relu, Min, Max and Clip."""

import numpy as np
import pytest
from onnx import helper

from tests.support.imports import graph_of
from tests.support.rewritten import images, kinds, rewritten

NUMBERS = {"0": np.array(0, "f4"), "6": np.array(6, "f4"), "4": np.array([4], "f4"), "-1": np.array(-1, "f4")}
ROWS = images(2, 4)


def chain(*steps, **outputs):
    """Each step is an operator and its further inputs."""
    nodes, last = [], "x"
    for number, step in enumerate(steps):
        kind, *more = step.split()
        out = "y" if number == len(steps) - 1 else f"t{number}"
        nodes.append(helper.make_node(kind, [last, *more], [out]))
        last = out
    return graph_of(nodes, NUMBERS, {"x": ["n", 4]}, {"y": ["n", 4]} | outputs)


@pytest.mark.parametrize(
    ("steps", "left"),
    [
        (("Relu", "Min 6", "Max 0"), ["Clip"]),
        (("Min 6", "Max 0"), ["Clip"]),
        (("Clip 0 6", "Relu"), ["Clip"]),
        (("Clip -1 6", "Min 4", "Relu"), ["Clip"]),
        (("Relu", "Relu"), ["Relu"]),
        (("Max -1", "Relu"), ["Relu"]),
        (("Clip 0 6", "Max 6"), ["Clip"]),  # always 6
    ],
)
def test_a_chain_is_one_operator(steps, left):
    after, counts = rewritten(chain(*steps), ROWS)
    assert kinds(after) == left
    assert counts["clip chains"] == len(steps) - 1


@pytest.mark.parametrize(
    "model",
    [
        chain("Clip 6 0", "Relu"),  # bounds in disorder
        chain("Relu", "Min 6", t0=["n", 4]),  # what lies between is an output
        chain("Min 6", "Min 4"),  # no operator bounds from above alone
        chain("Relu", "Min x", "Max 0"),  # a bound that is no number
    ],
)
def test_other_chains_stay(model):
    before = kinds(model)
    after, counts = rewritten(model, ROWS)
    assert (kinds(after), counts) == (before, {})


def test_a_bound_that_adds_an_axis_stays():
    nodes = [helper.make_node("Relu", ["x"], ["r"]), helper.make_node("Min", ["r", "wide"], ["y"])]
    model = graph_of(nodes, {"wide": np.full((1, 1, 1), 6, "f4")}, {"x": ["n", 4]}, {"y": [1, "n", 4]})
    assert rewritten(model, ROWS)[1] == {}
