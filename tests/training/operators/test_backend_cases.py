"""Each operator in torch gives what ONNX Runtime gives, on the cases of onnx's own backend tests."""

from collections import Counter

import numpy as np
import onnx
import onnxruntime
import pytest

from inc_mlflow.engines.onnxruntime.trainable.read import read_trainable
from inc_mlflow.errors import ModelError
from inc_mlflow.training.operators.table import OPERATORS
from inc_mlflow.training.qat.network import TrainableNetwork
from tests.support.backend_cases import float_cases, unusable

pytest.importorskip("torch")
OPSETS = range(13, 30)
"""Baselines have version 17; before version 13 some operators mean something else."""
LEAST_CASES, MOST_REFUSED = 380, 60


def taught(case):
    nodes = case.model.graph.node
    known = all(node.op_type in OPERATORS and node.domain in ("", "ai.onnx") for node in nodes)
    floats = all(one.type.tensor_type.elem_type == onnx.TensorProto.FLOAT for one in case.model.graph.output)
    return known and floats and case.model.opset_import[0].version in OPSETS


def in_torch(case, folder):
    path = folder / "model.onnx"
    onnx.save(case.model, path)
    return TrainableNetwork(read_trainable(path, path)).outputs(case.inputs)


def in_onnxruntime(case):
    settings = onnxruntime.SessionOptions()
    settings.log_severity_level = 4
    session = onnxruntime.InferenceSession(case.model.SerializeToString(), settings)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, case.inputs), strict=True))


@pytest.mark.slow
def test_an_operator_gives_what_onnx_runtime_gives(tmp_path):
    counts, faults = Counter[str](), list[str]()
    for case in filter(taught, float_cases()):
        if unusable(case):
            continue
        try:
            found = in_torch(case, tmp_path)
        except ModelError:
            counts["refused"] += 1
            continue
        counts["compared"] += 1
        for name, true in in_onnxruntime(case).items():
            same = np.shape(found[name]) == np.shape(true) and np.allclose(
                found[name], true, rtol=1e-4, atol=1e-5, equal_nan=True
            )
            faults += [] if same else [f"{case.name}: {name}"]
    assert not faults, "\n".join(faults)
    assert counts["compared"] >= LEAST_CASES, counts
    assert counts["refused"] <= MOST_REFUSED, counts
