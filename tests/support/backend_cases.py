"""The cases of onnx's own backend tests, in its wheel: single operators, layers and small models of PyTorch."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import numpy_helper
from onnx.backend.test.loader import load_model_tests

from inc_mlflow.arrays import Arrays

KINDS = ("node", "simple", "pytorch-converted", "pytorch-operator")


@dataclass(frozen=True)
class Case:
    name: str
    model: onnx.ModelProto
    inputs: Arrays


@cache
def float_cases() -> tuple[Case, ...]:
    """Return the cases with an input of floats, whose inputs are all tensors with axes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # onnx makes values beyond the range of small types on purpose
        return tuple(case for kind in KINDS for case in _cases(kind))


def unusable(case: Case) -> str | None:
    """Return why a case says nothing: plain ONNX Runtime does not run it, or gives other values each time."""
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(case.model.SerializeToString(), settings)
        one, other = (session.run(None, case.inputs) for _ in range(2))
    except Exception:  # noqa: BLE001  whatever it raises
        return "onnxruntime does not run it"
    try:
        np.testing.assert_equal(one, other)
    except AssertionError:
        return "random"
    return None


def _cases(kind: str) -> Iterator[Case]:
    for test in load_model_tests(kind=kind):
        model = test.model or onnx.load(Path(test.model_dir) / "model.onnx")
        weights = {one.name for one in model.graph.initializer}
        inputs = [one for one in model.graph.input if one.name not in weights]
        if any(one.type.WhichOneof("value") != "tensor_type" for one in inputs):
            continue
        values = _first_inputs(test, len(inputs))
        arrays = {one.name: value for one, value in zip(inputs, values, strict=True)}
        floats = any(value.dtype == np.float32 for value in arrays.values())
        if floats and all(value.ndim for value in arrays.values()):
            yield Case(test.name, model, arrays)


def _first_inputs(test: Any, count: int) -> list[np.ndarray]:
    if test.data_sets is not None:
        return [np.asarray(value) for value in test.data_sets[0][0]]
    folder = Path(test.model_dir) / "test_data_set_0"
    return [numpy_helper.to_array(onnx.load_tensor(folder / f"input_{place}.pb")) for place in range(count)]
