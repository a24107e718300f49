"""The import record says which rewrites made the baseline faster, where, and how far each moves outputs."""

import numpy as np
import onnx
import pytest
from onnx import helper

from inc_mlflow.engines.onnxruntime.graph.rewrites.speed import rules
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.rule import Rule
from inc_mlflow.steps.prepare import applied_rewrites
from inc_mlflow.steps.prepare.checked_import import Rows
from inc_mlflow.steps.prepare.compare_outputs import relative_difference
from inc_mlflow.steps.prepare.import_model import import_baselines
from tests.support.graphs import linear
from tests.support.imports import graph_of, imported, normal

ROWS = [{"x": normal(seed, 1, 4, 6, 6)} for seed in range(3)]


def scaled_swish():
    """A convolution, a hard swish as it is exported, and a factor before the next convolution."""
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["c"]),
        *(helper.make_node("Add", ["c", "3"], ["a"]), helper.make_node("Clip", ["a", "0", "6"], ["k"])),
        *(helper.make_node("Mul", ["c", "k"], ["m"]), helper.make_node("Div", ["m", "6"], ["s"])),
        *(helper.make_node("Mul", ["s", "half"], ["h"]), helper.make_node("Conv", ["h", "w"], ["y"])),
    ]
    numbers = {name: np.array(float(name), "f4") for name in "036"} | {"half": np.array(0.5, "f4")}
    weights = numbers | {"w": normal(9, 4, 4, 1, 1)}
    return graph_of(nodes, weights, {"x": ["n", 4, 6, 6]}, {"y": ["n", 4, 6, 6]})


def test_each_is_listed_with_its_places_and_its_difference(tmp_path):
    baseline, record = imported(scaled_swish(), tmp_path, ROWS)
    found = {one.name: one for one in record.baselines[0].rewritten}
    assert found.keys() == {"hard swish", "constants before layers"}
    assert {one.places for one in found.values()} == {1}
    assert all(one.largest_difference < 1e-5 for one in found.values())
    assert [node.op_type for node in baseline.graph.node] == ["Conv", "HardSigmoid", "Mul", "Conv"]
    assert [note for note in record.notes if "rewritten for speed" in note] == [
        "source.onnx: rewritten for speed, computing the same: hard swish 1, constants before layers 1"
    ]


def test_where_nothing_was_rewritten_nothing_is_said(tmp_path):
    _, record = imported(linear(), tmp_path, [{"x": normal(0, 1, 8)}])
    assert record.baselines[0].rewritten == ()
    assert record.notes == ()


def test_a_large_model_is_not_imported_once_more(tmp_path, monkeypatch):
    monkeypatch.setattr(applied_rewrites, "_LARGEST", 10)
    _, record = imported(scaled_swish(), tmp_path, ROWS)
    assert {one.largest_difference for one in record.baselines[0].rewritten} == {None}


def test_a_rule_that_changes_outputs_is_left_out_alone(tmp_path, monkeypatch):
    def halved(graph):
        swish = [node for node in graph.nodes("Mul") if graph.number(node.input[1]) == 0.5]
        for node in swish:
            graph.put(node, "Relu", [node.input[0]])
        return len(swish)

    wrong = Rule("constants before layers", halved)
    stages = tuple(tuple(wrong if one.name == wrong.name else one for one in stage) for stage in rules.STAGES)
    monkeypatch.setattr("inc_mlflow.engines.onnxruntime.graph.normalize.STAGES", stages)
    source = tmp_path / "source.onnx"
    onnx.save(scaled_swish(), source)
    record = import_baselines(source, ["onnxruntime"], tmp_path, Rows(ROWS))
    assert record.baselines[0].left_out == ("constants before layers",)
    assert [one.name for one in record.baselines[0].rewritten] == ["hard swish"]


@pytest.mark.parametrize(
    ("other", "expected"), [([1.0, 4.0], 0.0), ([1.0, 3.0], 0.25), ([1.0, 4.0, 0.0], None)]
)
def test_a_difference_is_relative_to_the_largest_value(other, expected):
    found = relative_difference([{"y": np.array([1.0, 4.0])}], [{"y": np.array(other)}])
    assert found == expected
