"""A TensorFlow 1 checkpoint: the model is taken out of its training, wherever it was trained."""

import shutil

import numpy as np
import pytest

from inc_mlflow.errors import ModelError
from inc_mlflow.sources.tensorflow.checkpoint import load_checkpoint
from inc_mlflow.sources.tensorflow.checkpoint_files import checkpoint_files
from inc_mlflow.sources.tensorflow.opened_graph import OpenedGraph
from tests.support.tensorflow_graphs import parity

ROWS = np.random.default_rng(0).normal(size=(4, 8, 8, 1)).astype("f4")


def train(folder, name="model.ckpt"):
    """Train a CNN with batch norm for a step as TensorFlow 1 does, and save it; return its outputs."""
    import tensorflow as tf

    v1 = tf.compat.v1
    random = np.random.default_rng(0)
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder("float32", (None, 8, 8, 1), name="x")
        labels = v1.placeholder("int32", (None,), name="labels")
        training = v1.placeholder("bool", name="phase")
        filters = v1.get_variable("filters", initializer=random.normal(size=(3, 3, 1, 6)).astype("f4"))
        scale, offset, mean, variance = (
            v1.get_variable(
                name, initializer=np.abs(random.normal(size=6)).astype("f4"), use_resource=resource
            )
            for name, resource in (("scale", True), ("offset", True), ("mean", False), ("variance", False))
        )
        y = tf.nn.conv2d(x, filters, 1, "SAME")
        batch = tf.nn.moments(y, (0, 1, 2))
        shown = tf.cond(
            training, lambda: (batch[0], batch[1]), lambda: (tf.identity(mean), tf.identity(variance))
        )
        y = tf.nn.relu(tf.nn.batch_normalization(y, *shown, offset, scale, 1e-3))
        dense = v1.get_variable("dense", initializer=random.normal(size=(6, 3)).astype("f4"))
        logits = tf.identity(tf.reduce_mean(y, (1, 2)) @ dense, name="logits")
        loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        step = v1.train.AdamOptimizer(0.1).minimize(loss)
        session.run(v1.global_variables_initializer())
        session.run(step, {x: ROWS, labels: [0, 1, 2, 0], training: True})
        v1.train.Saver().save(session, str(folder / name))
        return session.run(logits, {x: ROWS, training: False})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checkpoint")
    return folder, train(folder)


def test_the_model_is_taken_out_of_its_training(trained, tmp_path):
    folder, logits = trained
    frozen = load_checkpoint(folder, outputs=["logits"])
    assert frozen.inputs == {"x": "x:0"}
    assert [note.partition(",")[0] for note in frozen.notes] == ["phase is fixed at False"]
    assert not any("Adam" in node.name or "gradients" in node.name for node in frozen.graph.node)
    opened = OpenedGraph("model", frozen)
    assert np.allclose(opened.run({"x": ROWS})["logits"], logits, rtol=1e-5)
    assert parity(opened, {"x": ROWS}, tmp_path)["logits"] < 1e-5


def test_shapes_that_contradict_their_nodes_are_ignored(trained, tmp_path):
    from tensorflow.core.protobuf.meta_graph_pb2 import MetaGraphDef

    shutil.copytree(trained[0], folder := tmp_path / "copy")
    meta = MetaGraphDef.FromString((folder / "model.ckpt.meta").read_bytes())
    wrong = [node for node in meta.graph_def.node if node.op == "Conv2D"]
    for node in wrong:
        node.attr["_output_shapes"].list.shape.add().dim.add().size = 5
        node.attr["_output_shapes"].list.shape.add()
    (folder / "model.ckpt.meta").write_bytes(meta.SerializeToString())
    assert len(wrong) == 1
    assert np.allclose(
        OpenedGraph("model", load_checkpoint(folder, outputs=["logits"])).run({"x": ROWS})["logits"],
        trained[1],
        rtol=1e-5,
    )


@pytest.mark.parametrize("given", ["", "model.ckpt", "model.ckpt.index", "model.ckpt.meta"])
def test_it_is_found_whatever_the_file_checkpoint_says(trained, tmp_path, given):
    shutil.copytree(trained[0], folder := tmp_path / "copy")
    (folder / "checkpoint").write_text('model_checkpoint_path: "/somewhere/else/model.ckpt"\n')
    names = [file.name for file in checkpoint_files(folder / given)]
    assert names == ["model.ckpt.meta", "model.ckpt.index", "model.ckpt.data-00000-of-00001"]


def test_outputs_have_to_be_named(trained):
    with pytest.raises(ModelError, match="name its `outputs`: the graph holds its training too, and ends in"):
        load_checkpoint(trained[0])


def test_of_several_one_is_named(trained, tmp_path):
    shutil.copytree(trained[0], folder := tmp_path / "copy")
    shutil.copy(folder / "model.ckpt.index", folder / "other.ckpt.index")
    with pytest.raises(ModelError, match=r"more than one checkpoint; name one of model\.ckpt, other\.ckpt"):
        checkpoint_files(folder)


def test_weights_without_their_graph_are_refused(trained, tmp_path):
    shutil.copytree(trained[0], folder := tmp_path / "copy")
    (folder / "model.ckpt.meta").unlink()
    with pytest.raises(
        ModelError, match=r"model\.ckpt\.meta does not exist: .* only weights; give a SavedModel"
    ):
        checkpoint_files(folder / "model.ckpt")


def test_values_that_are_damaged_are_refused_in_one_line(trained, tmp_path):
    shutil.copytree(trained[0], folder := tmp_path / "copy")
    (folder / "model.ckpt.index").write_bytes(b"no index")
    with pytest.raises(ModelError, match="TensorFlow cannot restore it"):
        load_checkpoint(folder, outputs=["logits"])
