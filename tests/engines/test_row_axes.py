"""Rows are the first axis in data; a model may have them elsewhere, and its axes are never exchanged."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
from inc_mlflow.engines.row_axes import RowAxes, RowsFirst
from inc_mlflow.errors import ModelError
from inc_mlflow.records import SharedInput, TensorSpec


def test_data_has_the_rows_first():
    specs = [
        TensorSpec(name=name, dtype="float32", shape=shape)
        for name, shape in {"x": ("n", 16), "state": (2, "n", 128), "rate": (), "any": None}.items()
    ]
    in_data = RowAxes({"x": 0, "state": 1, "rate": None}).specs(specs)
    assert [spec.shape for spec in in_data] == [("n", 16), ("n", 2, 128), (None,), None]
    assert [spec.name for spec in in_data if isinstance(spec, SharedInput)] == ["rate"]


def stateful(folder):
    """y, time first, and z of one row each: x (n, 3) and state (2, n, 3) summed."""
    nodes = [
        helper.make_node("Add", ["x", "state"], ["steps"]),
        helper.make_node("Mul", ["steps", "rate"], ["y"]),
        helper.make_node("ReduceSum", ["y", "time"], ["z"], keepdims=0),
    ]
    shapes = {"x": ["n", 3], "state": [2, "n", 3], "rate": []}, {"y": [2, "n", 3], "z": ["n", 3]}
    inputs, outputs = (
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in kind.items()]
        for kind in shapes
    )
    axis = onnx.numpy_helper.from_array(np.array([0]), "time")
    graph = helper.make_graph(nodes, "graph", inputs, outputs, [axis])
    opsets = [helper.make_opsetid("", 17)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), folder / "model.onnx")
    return Runner(folder / "model.onnx", threads=1)


def test_a_model_with_a_state_gives_each_row_its_own(tmp_path):
    model, rng = stateful(tmp_path), np.random.default_rng(0)
    rows = {
        "x": rng.normal(size=(2, 3)).astype("f4"),
        "state": rng.normal(size=(2, 2, 3)).astype("f4"),
        "rate": np.full(2, 3, "f4"),
    }
    given = model(rows)
    expected = (rows["x"][:, None] + rows["state"]) * 3
    np.testing.assert_allclose(given["y"], expected, rtol=1e-6)
    np.testing.assert_allclose(given["z"], expected.sum(axis=1), rtol=1e-6)
    for row in range(2):
        alone = model({name: array[row : row + 1] for name, array in rows.items()})
        np.testing.assert_allclose(alone["y"][0], given["y"][row], rtol=1e-6)


def test_one_value_for_all_rows_cannot_differ_among_them():
    rows = RowsFirst(RowAxes({"x": 0, "table": None}), None)
    same = np.tile(np.arange(6).reshape(1, 2, 3), (2, 1, 1))
    fed = rows.fed({"x": np.zeros((2, 3)), "table": same})
    np.testing.assert_array_equal(fed["table"], same[0])
    with pytest.raises(ModelError, match="'table': is one value for all rows of a batch"):
        rows.fed({"x": np.zeros((2, 3)), "table": np.arange(12).reshape(2, 2, 3)})


def test_an_output_of_the_whole_batch_is_that_of_its_only_row():
    rows = RowsFirst(RowAxes({"x": 0}, {"boxes": None, "y": 2}), None)
    assert rows.given("boxes", np.ones((7, 4)), 1).shape == (1, 7, 4)
    assert rows.given("boxes", np.ones((7, 4)), 2).shape == (7, 4)
    with pytest.raises(ModelError, match=r"'y': has shape \(3, 4\), so no axis 2"):
        rows.given("y", np.ones((3, 4)), 3)


def test_a_fixed_batch_of_rows_elsewhere_is_filled_up_and_cut():
    axes = RowAxes({"x": 0, "state": 1}, {"y": 1})
    specs = [
        TensorSpec(name=name, dtype="float32", shape=shape)
        for name, shape in {"x": (4, 3), "state": (2, 4)}.items()
    ]
    rows = RowsFirst(axes, axes.rows_at_a_time(specs))
    fed = rows.fed({"x": np.ones((1, 3)), "state": np.ones((1, 2))})
    assert [array.shape for array in fed.values()] == [(4, 3), (2, 4)]
    assert rows.given("y", np.ones((5, 4)), 1).shape == (1, 5)


def test_a_model_without_rows_takes_one_at_a_time():
    spec = TensorSpec(name="x", dtype="float32", shape=("any", 3))
    assert RowAxes({"x": None}).rows_at_a_time([spec]) == 1
    assert RowAxes({"x": 0}).rows_at_a_time([spec]) is None


def test_axes_are_read_as_they_were_written():
    axes = RowAxes({"x": 0, "rate": None}, {"y": 1})
    assert RowAxes.from_text(axes.to_text()) == axes


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"inputs": {"x": -1}, "outputs": {}}', "[" * 10**6])
def test_other_texts_about_axes_are_refused(text):
    with pytest.raises(ModelError, match="text about the axes of rows cannot be read"):
        RowAxes.from_text(text)
