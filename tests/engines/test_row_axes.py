"""Rows are the first axis in data; a model may have them elsewhere, and its axes are never exchanged."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
from inc_mlflow.engines.row_axes import RowAxes, input_axes, rows_first_specs
from inc_mlflow.errors import ModelError
from inc_mlflow.records import TensorSpec


@pytest.mark.parametrize(
    ("inputs", "axes"),
    [
        ({"x": ["batch", 16], "state": [2, "batch", 128]}, [0, 1]),
        ({"x": [None, None], "state": [2, None, 128], "rate": []}, [0, 1, None]),
        ({"x": ["n", "t", 16], "y": ["t", "n"]}, [0, 1]),
        ({"x": ["t", "n", 16]}, [0]),
        ({"x": [4, 16], "y": [4, "n"]}, [0, 0]),
        ({"nodes": ["n", 8], "edges": [2, "e"]}, [0, 0]),
        ({"nodes": ["n", 8], "adjacency": ["n", "n"]}, [0, 0]),
        ({"x": ["?", 3, "?"], "y": [7, "?"]}, [0, 0]),
        ({"x": None, "y": [2, None]}, [0, 0]),
        ({"x": [], "y": []}, [0, 0]),
    ],
)
def test_the_axis_of_the_rows_is_told_by_names_or_by_what_is_free(inputs, axes):
    assert list(input_axes(inputs).values()) == axes


def test_data_has_the_rows_first():
    specs = [
        TensorSpec(name=name, dtype="float32", shape=shape)
        for name, shape in {"x": ("n", 16), "state": (2, "n", 128), "rate": ()}.items()
    ]
    assert [spec.shape for spec in rows_first_specs(specs)] == [("n", 16), ("n", 2, 128), (None,)]


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
    axes = RowAxes({"x": ["n", 3], "rate": []}, {})
    with pytest.raises(ModelError, match="'rate': is one value for all rows of a batch"):
        axes.fed({"x": np.zeros((2, 3)), "rate": np.array([1, 2])})


def test_a_fixed_batch_of_rows_elsewhere_is_filled_up_and_cut():
    axes = RowAxes({"x": [4, 3], "state": [4, 2]}, {"y": [4, 3]})
    fed = axes.fed({"x": np.ones((1, 3)), "state": np.ones((1, 2))})
    assert [array.shape for array in fed.values()] == [(4, 3), (4, 2)]
    assert axes.given("y", np.ones((4, 3)), 1).shape == (1, 3)
