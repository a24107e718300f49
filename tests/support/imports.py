"""Import small graphs and run what comes of them."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
from inc_mlflow.records import ImportRecord
from inc_mlflow.steps.prepare.checked_import import Rows
from inc_mlflow.steps.prepare.import_model import import_baselines


def graph_of(nodes, weights, inputs, outputs, opset=17, ir_version=8, kind=TensorProto.FLOAT, **more):
    """Put a graph together whose inputs and outputs all have the type ``kind``."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in weights.items()],
    )
    sets = [
        helper.make_opsetid("", opset),
        *(helper.make_opsetid(name, 1) for name in more.pop("domains", ())),
    ]
    return helper.make_model(graph, opset_imports=sets, ir_version=ir_version, **more)


def imported(
    model: onnx.ModelProto, folder: Path, rows: list[Arrays]
) -> tuple[onnx.ModelProto, ImportRecord]:
    """Import a model, compared on ``rows`` (none: generated ones), without leaving anything out."""
    source = folder / "source.onnx"
    onnx.save(model, source)
    target = folder / "baseline"
    target.mkdir()
    record = import_baselines(source, ["onnxruntime"], target, Rows(rows))
    assert record.baselines[0].left_out == ()
    return onnx.load(target / MODEL), record


def run(path: Path, row: Arrays) -> Arrays:
    """Return the outputs of a model file."""
    return Runner(path, threads=1)(row)


def normal(seed: int, *shape: int, dtype: str = "f4") -> np.ndarray:
    """Return normally distributed numbers."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)
