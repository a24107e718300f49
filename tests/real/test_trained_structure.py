"""A trained candidate of a real network has the nodes and edges of its start: so it runs in the same kernels."""

import numpy as np
import onnx
import pytest

from inc_mlflow.engines.engine import MethodData
from inc_mlflow.engines.onnxruntime.calibration.collect import collect
from inc_mlflow.engines.onnxruntime.engine import ENGINE
from inc_mlflow.engines.trainable import TrainingData, TuningOutcome
from inc_mlflow.registry.methods import METHODS
from inc_mlflow.spec import parse_recipe
from inc_mlflow.spec.training import TrainingSpec

pytest.importorskip("torch")
ROWS, WIDTH = 16, 24


def batches(file, size):
    with np.load(file) as rows:
        for start in range(0, ROWS, size):
            yield {name: rows[name][start : start + size, :WIDTH] for name in ("input_ids", "attention_mask")}


def graph_of(path):
    """Names, operators and edges of all nodes, and what holds their numbers."""
    graph = onnx.load(path).graph
    nodes = [(one.name, one.op_type, tuple(one.input), tuple(one.output)) for one in graph.node]
    attributes = [sorted(part.SerializeToString() for part in one.attribute) for one in graph.node]
    return nodes, attributes, [(one.name, one.data_type, tuple(one.dims)) for one in graph.initializer]


def test_sentences_keep_their_graph(models, tmp_path):
    rows = models / "sst2-minilm" / "train1k.npz"
    ENGINE.import_source(models / "sst2-minilm" / "fp32.onnx", tmp_path)
    base = tmp_path / ENGINE.model_name
    training = TrainingData(
        rows=lambda: ((inputs, None) for inputs in batches(rows, ROWS)),
        fixed_batch=None,
        rows_first=True,
        spec=TrainingSpec(epochs=1, batch=8, learning_rate=1e-5),
        loss=None,
        output=None,
        score=lambda _: TuningOutcome(np.ones(1), np.ones(1)),
        state=tmp_path / "state",
    )
    data = MethodData(lambda: batches(rows, 1), collect(base, list(batches(rows, 1)), threads=1), 1, training)
    METHODS.get("onnxruntime.qat").apply(base, parse_recipe({"method": "qat"}), data, tmp_path / "best.onnx")
    (start,) = tmp_path.glob("state/*/start/model.onnx")
    (trained,) = tmp_path.glob("state/*/1/model.onnx")
    assert graph_of(trained) == graph_of(start)
    assert len(graph_of(trained)[0]) > 500
    assert trained.read_bytes() != start.read_bytes()
