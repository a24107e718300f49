"""GELU in the orders that exporters write."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper

from tests.support.imports import graph_of, normal
from tests.support.rewritten import images, rewritten

ROWS = images(2, 5, 8)
NUMBERS = {
    "3": 3.0,
    "2": 2.0,
    "c": 0.044715,
    "k": 0.7978845608,
    "half": 0.5,
    "one": 1.0,
    "root": 2**0.5,
    "inverse": 0.5**0.5,
    "other": 0.6,
}
CONSTANTS = {name: np.array(value, "f4") for name, value in NUMBERS.items()} | {"w": normal(0, 8, 8)}


def steps(*lines):
    """Each line is: output, operator, inputs."""
    return [helper.make_node(kind, inputs, [out]) for out, kind, *inputs in map(str.split, lines)]


def model(*lines, **outputs):
    ends = [helper.make_node("MatMul", ["in", "w"], ["x"]), helper.make_node("MatMul", ["y", "w"], ["z"])]
    nodes = [ends[0], *steps(*lines), ends[1]]
    return graph_of(nodes, CONSTANTS, {"in": ["n", 5, 8]}, {"z": None} | outputs)


def rows():
    return [{"in": row["x"]} for row in ROWS]


TANH = ("t Tanh k_s", "t1 Add one t")
FORMS = {
    "cube by Mul": ("a Mul c x", "b Mul x a", "p Mul x b", "s Add x p", "k_s Mul k s", *TANH),
    "cube by Pow": ("b Pow x 3", "p Mul b c", "s Add p x", "k_s Mul s k", *TANH),
    "factored": ("b Mul x x", "p Mul b c", "s Add p one", "q Mul k x", "k_s Mul q s", *TANH),
    "erf scaled": ("d Mul x inverse", "t Erf d", "t1 Add t one"),
}
ENDS = {
    "half first": ("h Mul x half", "y Mul t1 h"),
    "half last": ("h Mul t1 x", "y Mul half h"),
    "halved bend": ("h Div t1 2", "y Mul x h"),
}


def fused(graph, folder):
    """Return the operators of the graph as ONNX Runtime runs it."""
    settings = onnxruntime.SessionOptions()
    settings.optimized_model_filepath, settings.log_severity_level = str(folder / "optimized.onnx"), 4
    onnxruntime.InferenceSession(graph.SerializeToString(), settings, providers=["CPUExecutionProvider"])
    return {node.op_type for node in onnx.load(folder / "optimized.onnx").graph.node}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("form", FORMS)
def test_onnxruntime_fuses_what_comes_of_it(form, end, tmp_path):
    after, _ = rewritten(model(*FORMS[form], *ENDS[end]), rows())
    assert fused(after, tmp_path) <= {"MatMul", "Gelu", "FastGelu"}
    assert rewritten(after, rows())[1] == {}


def test_a_bias_before_it_stays(tmp_path):
    lines = ("x1 Add x half", *(line.replace(" x", " x1") for line in FORMS["erf scaled"]), "h Mul t1 x1")
    after, _ = rewritten(model(*lines, "y Mul half h"), rows())
    assert fused(after, tmp_path) <= {"MatMul", "Add", "Gelu", "BiasGelu"}


@pytest.mark.parametrize(
    "lines",
    [
        (*FORMS["erf scaled"], "h Mul t1 x", "y Mul other h"),  # another factor
        ("d Mul x other", "t Erf d", "t1 Add t one", "h Mul t1 x", "y Mul half h"),  # another argument
        (*FORMS["erf scaled"], "h Mul t1 in", "y Mul half h"),  # two tensors
        ("d Mul x inverse", "t Erf d", "t1 Add t half", "h Mul t1 x", "y Mul half h"),  # another offset
        ("d Mul x inverse", "t Erf d", "t1 Add t one", "h Div half t1", "y Mul x h"),  # divided by the bend
        ("t Tanh x", "y Add t one"),
    ],
)
def test_what_is_none_stays(lines):
    assert "gelu" not in rewritten(model(*lines), rows())[1]


def test_a_part_that_is_an_output_stays():
    assert "gelu" not in rewritten(model(*FORMS["erf scaled"], *ENDS["half last"], t1=None), rows())[1]
