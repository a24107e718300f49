"""What the libraries that read a model raise: one line about the model, or what is no fault of it."""

import errno

import numpy as np
import onnx
import pytest
from onnx import helper, version_converter

from inc_mlflow.engines.onnxruntime.graph.normalize import normalize
from inc_mlflow.errors import ModelError
from tests.support.graphs import model


def strange(opset):
    """A model with an operator of a domain that it does not import."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("Strange", ["m"], ["y"], domain="no.body"),
    ]
    return model(nodes, {"w": np.eye(4, dtype="f4")}, {"x": ["n", 4]}, {"y": ["n", 4]}, opset)


@pytest.fixture
def imported(tmp_path):
    def imported(proto):
        onnx.save(proto, tmp_path / "model.onnx")
        (tmp_path / "baseline").mkdir()
        return normalize(tmp_path / "model.onnx", tmp_path / "baseline")

    return imported


@pytest.mark.parametrize(
    ("opset", "allowed"),
    [(9, "export it with opset 17"), (17, "operators that this onnxruntime has, each from a domain that")],
)
def test_a_complaint_of_a_library_comes_with_a_way_out(imported, opset, allowed):
    with pytest.raises(ModelError, match=r"No opset import for domain '?no\.body") as raised:
        imported(strange(opset))
    assert allowed in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "error",
    [MemoryError(), OSError(errno.ENOSPC, "No space left on device"), FileNotFoundError("gone")],
    ids=lambda error: type(error).__name__,
)
def test_what_is_no_fault_of_the_model_passes(imported, monkeypatch, error):
    def convert(*_):
        raise error

    monkeypatch.setattr(version_converter, "convert_version", convert)
    with pytest.raises(type(error)) as raised:
        imported(strange(9))
    assert raised.value is error
