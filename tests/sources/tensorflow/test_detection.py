"""A detector with its suppression in the graph, as a frozen graph and as a checkpoint, to a verdict of mAP."""

import json

import numpy as np
import pytest

from inc_mlflow.sources.tensorflow.checkpoint import load_checkpoint
from inc_mlflow.sources.tensorflow.graph_file import load_graph_file
from inc_mlflow.sources.tensorflow.opened_graph import OpenedGraph
from tests.support import ssd_graph
from tests.support.tensorflow_graphs import parity

pytestmark = pytest.mark.slow

JOB = """
version: 1
name: {name}
model: {model}
data:
  calibration: {{path: calib.npz}}
  validation: {{path: test.npz}}
metric:
  name: coco_map50
  outputs: {{boxes: detection_boxes, scores: detection_scores, classes: detection_classes}}
  postprocess: {{name: ssd, box: yxyx}}
recipes: [{{method: static}}]
gate: {{max_relative_drop: 0.1}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Detector and data; boxes are shares of the image, as the detector gives them."""
    folder = tmp_path_factory.mktemp("ssd")
    ssd_graph.write(folder)
    for name, count, seed in (("calib", 40, 1), ("test", 150, 2)):
        images, boxes = ssd_graph.pictures(count, seed)
        boxes[..., :4] = np.where(boxes[..., 4:] >= 0, boxes[..., :4] / ssd_graph.SIZE, boxes[..., :4])
        np.savez(folder / f"{name}.npz", image_tensor=images, label=boxes)
    return folder


def opened(folder, kind):
    if kind == "graph":
        return OpenedGraph("model", load_graph_file(folder / "ssd.pb", outputs=ssd_graph.MODEL))
    return OpenedGraph("model", load_checkpoint(folder / "ssd.ckpt", outputs=ssd_graph.MODEL))


@pytest.mark.parametrize("kind", ["graph", "checkpoint"])
def test_the_baseline_detects_what_tensorflow_detects(folder, kind, tmp_path):
    rows = {"image_tensor": ssd_graph.pictures(5, 3)[0]}
    found = parity(opened(folder, kind), rows, tmp_path)
    assert found.keys() == set(ssd_graph.MODEL)
    assert max(found.values()) < 1e-4
    assert opened(folder, kind).run(rows)["num_detections"].max() >= 1


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("graph", f"{{graph: ssd.pb, outputs: [{', '.join(ssd_graph.MODEL[:3])}]}}"),
        ("checkpoint", f"{{checkpoint: ssd.ckpt, outputs: [{', '.join(ssd_graph.MODEL[:3])}]}}"),
    ],
)
def test_a_job_ends_with_a_verdict_of_map(folder, kind, model, call):
    (folder / "job.yaml").write_text(JOB.format(name=f"ssd-{kind}", model=model))
    code, out, err = call("run", folder / "job.yaml", "--json")
    assert code in (0, 3, 4), err
    result = json.loads(out)
    baseline, candidate = result["table"]
    assert baseline["accuracy"]["value"] > 0.5
    assert candidate["accuracy"]["value"] > 0.3
