"""Small TensorFlow graphs, as TensorFlow 1 wrote them, and what sources make of files with them."""

from pathlib import Path

import numpy as np


def graph_of(build):
    """Return the GraphDef that a function adds to an empty graph, and what it returns."""
    import tensorflow as tf

    graph = tf.Graph()
    with graph.as_default():
        returned = build(tf.compat.v1)
    return graph.as_graph_def(), returned


def write_graph(path: Path, build) -> Path:
    """Write a frozen graph."""
    path.write_bytes(graph_of(build)[0].SerializeToString())
    return path


def run_onnx(path, rows):
    """Return what ONNX Runtime gives, by name."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path))
    return dict(zip([one.name for one in session.get_outputs()], session.run(None, rows), strict=True))


def distance(ours, theirs):
    """Return the largest difference, relative to the largest value."""
    assert ours.shape == theirs.shape
    return float(np.abs(ours - theirs).max() / max(np.abs(theirs).max(), 1e-30))


def parity(opened, rows, folder):
    """Convert an opened source and return how far each output is from what the framework gives."""
    target = folder / "converted.onnx"
    opened.convert(target)
    ours, theirs = run_onnx(target, rows), opened.run(rows)
    assert ours.keys() == theirs.keys()
    return {name: distance(ours[name], theirs[name]) for name in ours}
