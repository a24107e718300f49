"""A search takes back to FP32 the node that spoils the outputs of a fast recipe, instead of the recipe."""

import numpy as np
import onnx
from onnx import helper

from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
from inc_mlflow.spec import Job
from inc_mlflow.steps.standalone.search import search_job
from tests.support.imports import graph_of, normal

FEATURES, HIDDEN, STEPS, ROWS, CLASSES = 8, 192, 24, 120, 4
JOB = """
version: 1
name: layers
model: model.onnx
data:
  calibration: {path: rows.npz, stop: 24}
  tuning: {path: rows.npz, start: 24, stop: 72}
  validation: {path: rows.npz, start: 72}
metric: {name: top1, output: logits}
recipes: auto
gate: {max_relative_drop: 0.1}
"""


def recurrent():
    """Two LSTMs. The first reads features of very different sizes: with one scale for all, most of them are lost."""
    size = np.array([1e4, *[1e-2] * (FEATURES - 1)])
    weights = {
        "w0": (normal(0, 1, 4 * HIDDEN, FEATURES) / size * np.array([1e-3, *[1.0] * (FEATURES - 1)])).astype(
            "f4"
        ),
        "r0": normal(1, 1, 4 * HIDDEN, HIDDEN) / HIDDEN**0.5,
        "w1": normal(2, 1, 4 * HIDDEN, HIDDEN) / HIDDEN**0.5,
        "r1": normal(3, 1, 4 * HIDDEN, HIDDEN) / HIDDEN**0.5,
        "v": normal(4, HIDDEN, CLASSES),
        "first": np.array([1]),
    }
    nodes = [
        helper.make_node("Transpose", ["x"], ["t"], "turn", perm=[1, 0, 2]),
        helper.make_node("LSTM", ["t", "w0", "r0"], ["all0"], "spoilt", hidden_size=HIDDEN),
        helper.make_node("Squeeze", ["all0", "first"], ["s0"], "squeeze"),
        helper.make_node("LSTM", ["s0", "w1", "r1"], ["", "h1"], "fine", hidden_size=HIDDEN),
        helper.make_node("Squeeze", ["h1", "zero"], ["s1"], "last"),
        helper.make_node("MatMul", ["s1", "v"], ["logits"], "classes"),
    ]
    graph = graph_of(
        nodes,
        weights | {"zero": np.array([0])},
        {"x": ["n", STEPS, FEATURES]},
        {"logits": ["n", CLASSES]},
    )
    return graph, (normal(5, ROWS, STEPS, FEATURES) * size).astype("f4")


def test_outputs_that_are_wrong_are_mended(tmp_path):
    graph, rows = recurrent()
    onnx.save(graph, tmp_path / "model.onnx")
    model = Runner(tmp_path / "model.onnx", threads=1)
    labels = np.array([model({"x": row[None]})["logits"].argmax() for row in rows])
    np.savez(tmp_path / "rows.npz", x=rows, label=labels)
    (tmp_path / "job.yaml").write_text(JOB)
    found = search_job(Job.load(tmp_path / "job.yaml"), 400.0, tmp_path / "out")
    wrong = [one for one in found["trials"] if "does not explain" in (one["rejected"] or "")]
    assert wrong
    assert all(one["speedup"] is not None for one in wrong)
    mended = [one for one in found["trials"] if "spoilt" in one["recipe"].get("nodes_to_exclude", ())]
    assert any(one["rejected"] is None for one in mended)
