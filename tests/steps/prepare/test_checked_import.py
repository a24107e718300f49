from dataclasses import replace

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from inc_mlflow.engines.onnxruntime.graph import normalize
from inc_mlflow.errors import ModelError
from inc_mlflow.steps.prepare.checked_import import Rows
from inc_mlflow.steps.prepare.import_model import import_baselines
from tests.support.graphs import linear
from tests.support.imports import graph_of, imported, normal

ROWS = [{"x": normal(seed, 1, 8)} for seed in range(3)]


def _damage(model, _folder):
    """Take the last node's inputs twice as large: a wrong conversion."""
    tensor = next(one for one in model.graph.initializer if one.name == "w")
    tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor) * 2, "w"))
    return model


def _fail(_model, _folder):
    raise ModelError("cannot be done")


@pytest.fixture
def replaced(monkeypatch):
    """Put another function in the place of a rewrite."""

    def put(name, apply):
        for stage in ("_BEFORE", "_FOLDED", "_AFTER"):
            rewrites = getattr(normalize, stage)
            changed = tuple(replace(one, apply=apply) if one.name == name else one for one in rewrites)
            monkeypatch.setattr(normalize, stage, changed)

    return put


def _import(model, folder, rows=ROWS):
    onnx.save(model, folder / "source.onnx")
    return import_baselines(folder / "source.onnx", ["onnxruntime"], folder, Rows(list(rows)))


@pytest.mark.parametrize("name", ["opset", "gemm"])
@pytest.mark.parametrize("fault", [_damage, _fail])
def test_a_rewrite_that_changes_outputs_or_fails_is_left_out_alone(tmp_path, replaced, name, fault):
    replaced(name, fault)
    record = _import(linear(opset=13), tmp_path)
    assert record.baselines[0].left_out == (name,)
    assert record.baselines[0].largest_difference < 1e-5
    assert any(f"without the rewrites {name}" in note for note in record.notes)


def test_where_two_are_wrong_all_are_left_out(tmp_path, replaced):
    replaced("gemm", _damage)
    replaced("copies", _fail)
    assert _import(linear(), tmp_path).baselines[0].left_out == normalize.REWRITES


def test_a_fault_that_stays_is_one_line_with_the_source_and_the_output(tmp_path, monkeypatch):
    monkeypatch.setattr(normalize, "drop_initializers_from_inputs", lambda model: _damage(model, None))
    with pytest.raises(
        ModelError, match=r"source.onnx: importing it changes its outputs: output 'y' differs"
    ) as e:
        _import(linear(), tmp_path)
    assert "\n" not in str(e.value)


def test_a_bug_of_ours_keeps_its_traceback(tmp_path, replaced):
    replaced("gemm", lambda _model, _folder: {}["ours"])
    with pytest.raises(KeyError, match="ours"):
        _import(linear(), tmp_path)


def test_without_data_generated_rows_are_compared(tmp_path, replaced):
    replaced("gemm", _damage)
    record = _import(linear(), tmp_path, rows=())
    assert (record.rows_compared, record.rows_generated) == (8, True)
    assert record.baselines[0].left_out == ("gemm",)
    assert any("generated rows" in note for note in record.notes)


def test_without_data_and_shapes_nothing_is_compared_and_that_is_said(tmp_path):
    model = graph_of([helper.make_node("Relu", ["x"], ["y"])], {}, {"x": None}, {"y": None})
    _, record = imported(model, tmp_path, [])
    assert (record.rows_compared, record.baselines[0].largest_difference) == (0, None)
    assert any("declares no shape" in note for note in record.notes)


def test_an_output_that_is_nan_is_named(tmp_path):
    model = graph_of(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        {"w": np.full((8, 2), np.nan, "f4")},
        {"x": [1, 8]},
        {"y": [1, 2]},
    )
    with pytest.raises(ModelError, match=r"source.onnx: the model's output 'y' is NaN"):
        _import(model, tmp_path)


def test_a_sequence_is_left_out_of_the_comparison_by_name(tmp_path):
    model = linear()
    model.graph.node.append(helper.make_node("SplitToSequence", ["y"], ["parts"], axis=1))
    kind = helper.make_tensor_type_proto(TensorProto.FLOAT, None)
    model.graph.output.append(helper.make_value_info("parts", helper.make_sequence_type_proto(kind)))
    _, record = imported(model, tmp_path, ROWS)
    assert record.not_compared == ("parts",)
    assert record.rows_compared == 3


def test_a_model_that_gives_no_tensor_is_one_line(tmp_path):
    model = graph_of([helper.make_node("SplitToSequence", ["x"], ["y"])], {}, {"x": [2, 8]}, {"y": None})
    kind = helper.make_tensor_type_proto(TensorProto.FLOAT, None)
    model.graph.output[0].CopyFrom(helper.make_value_info("y", helper.make_sequence_type_proto(kind)))
    with pytest.raises(ModelError, match="none of its outputs is a tensor"):
        _import(model, tmp_path)


def test_an_output_without_axes_and_a_fixed_batch(tmp_path):
    nodes = [helper.make_node("ReduceSum", ["x"], ["y"], keepdims=0)]
    model = graph_of(nodes, {}, {"x": [4, 8]}, {"y": []})
    _, record = imported(model, tmp_path, ROWS)
    assert record.rows_compared == 3


def test_a_random_source_is_no_fault(tmp_path):
    nodes = [helper.make_node("RandomNormalLike", ["x"], ["r"]), helper.make_node("Add", ["x", "r"], ["y"])]
    imported(graph_of(nodes, {}, {"x": [1, 8]}, {"y": [1, 8]}), tmp_path, ROWS)


def test_noise_that_the_source_shows_itself_is_no_fault(tmp_path):
    """x - x in two orders of summation is rounding alone: nothing of it can be kept."""
    weights = {"w": normal(1, 8, 64), "v": normal(2, 64, 1)}
    weights["wv"] = weights["w"] @ weights["v"]
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("MatMul", ["a", "v"], ["b"]),
        helper.make_node("MatMul", ["x", "wv"], ["c"]),
        helper.make_node("Sub", ["b", "c"], ["y"]),
    ]
    imported(graph_of(nodes, weights, {"x": ["n", 8]}, {"y": ["n", 1]}), tmp_path, ROWS)


def test_folding_is_left_out_where_it_would_leave_no_node(tmp_path):
    model = graph_of([helper.make_node("Shape", ["x"], ["y"])], {}, {"x": [1, 8]}, {"y": None})
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64
    assert _import(model, tmp_path).baselines[0].left_out == ("constants",)
