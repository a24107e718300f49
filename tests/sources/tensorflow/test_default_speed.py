"""What is timed is TensorFlow as it runs by default; what is compared is what its operators compute."""

import numpy as np
import pytest

from inc_mlflow.engines.engine import RunSettings
from inc_mlflow.records import TensorSpec
from inc_mlflow.sources.framework_model import describe_framework, load_framework
from inc_mlflow.sources.tensorflow.graph_file import load_graph_file
from inc_mlflow.sources.tensorflow.opened_graph import OpenedGraph
from inc_mlflow.sources.tensorflow.options import FrozenGraphFile
from tests.support.tensorflow_graphs import write_graph

ROWS = {"x": np.random.default_rng(0).normal(size=(1, 16, 16, 3)).astype("f4")}


@pytest.fixture
def path(tmp_path):
    def build(tf):
        x = tf.placeholder("float32", (None, 16, 16, 3), name="x")
        filters = np.random.default_rng(1).normal(size=(3, 3, 3, 32)).astype("f4")
        tf.nn.relu(tf.nn.bias_add(tf.nn.conv2d(x, filters, 1, "SAME"), np.ones(32, "f4")), name="y")

    return write_graph(tmp_path / "g.pb", build)


def fused_nodes(opened):
    """Return the fused operators in the graph that TensorFlow made of an opened one to run it."""
    from tensorflow.core.protobuf.config_pb2 import RunMetadata, RunOptions

    seen = RunMetadata()
    options = RunOptions(output_partition_graphs=True)
    opened._session._session.run("y:0", {"x:0": ROWS["x"]}, options=options, run_metadata=seen)
    return {node.op for graph in seen.partition_graphs for node in graph.node if "Fused" in node.op}


def test_what_is_compared_is_not_fused(path):
    opened = OpenedGraph("model", load_graph_file(path))
    opened.run(ROWS)
    assert not fused_nodes(opened)


def test_what_is_timed_is_fused_and_has_the_layouts_threads(path):
    inputs = [TensorSpec(name="x", dtype="float32", shape=(None, 16, 16, 3))]
    folder = describe_framework(FrozenGraphFile(graph=path.name), path.parent, inputs)
    model = load_framework(folder, RunSettings(threads=2))
    assert model(ROWS)["y"].shape == (1, 16, 16, 32)
    assert fused_nodes(model._opened)
    assert model._opened._session._session._config.intra_op_parallelism_threads == 2
