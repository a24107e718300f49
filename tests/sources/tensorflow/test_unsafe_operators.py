"""A graph that reaches outside itself is refused before anything of it runs."""

import numpy as np
import pytest

from inc_mlflow.errors import ModelError
from inc_mlflow.sources.tensorflow.graph_file import load_graph_file
from inc_mlflow.sources.tensorflow.saved_model import load_saved_model
from tests.support.tensorflow_graphs import write_graph


def writes_a_file(target):
    def build(tf):
        x = tf.placeholder("float32", (None, 2), name="x")
        with tf.control_dependencies([tf.raw_ops.WriteFile(filename=str(target), contents="hostile")]):
            tf.identity(x, name="y")

    return build


def reads_a_file(target):
    def build(tf):
        x = tf.placeholder("float32", (None, 2), name="x")
        tf.identity(x + tf.cast(tf.strings.length(tf.io.read_file(str(target))), "float32"), name="y")

    return build


def writes_a_checkpoint(target):
    def build(tf):
        x = tf.placeholder("float32", (None, 2), name="x")
        saved = tf.raw_ops.SaveV2(
            prefix=str(target), tensor_names=["a"], shape_and_slices=[""], tensors=[tf.constant(1.0)]
        )
        with tf.control_dependencies([saved]):
            tf.identity(x, name="y")

    return build


def writes_events(target):
    def build(tf):
        x = tf.placeholder("float32", (None, 2), name="x")
        created = tf.raw_ops.CreateSummaryFileWriter(
            writer=tf.raw_ops.SummaryWriter(),
            logdir=str(target),
            max_queue=1,
            flush_millis=1,
            filename_suffix="",
        )
        with tf.control_dependencies([created]):
            tf.identity(x, name="y")

    return build


def maps_a_file(target):
    def build(tf):
        x = tf.placeholder("float32", (None, 2), name="x")
        read = tf.raw_ops.ImmutableConst(dtype="float32", shape=(2,), memory_region_name=str(target))
        tf.identity(x + read, name="y")

    return build


def runs_python(target):
    def build(tf):
        x = tf.placeholder("float32", (None, 2), name="x")
        tf.numpy_function(lambda value: value, [x], np.float32, name="y")

    return build


@pytest.mark.parametrize(
    ("build", "operator"),
    [
        (writes_a_file, "WriteFile"),
        (writes_a_checkpoint, "SaveV2"),
        (writes_events, "(CreateSummaryFileWriter|SummaryWriter)"),
        (reads_a_file, "ReadFile"),
        (maps_a_file, "ImmutableConst"),
        (runs_python, "PyFunc"),
    ],
)
def test_it_is_named_and_does_not_run(tmp_path, build, operator):
    target = tmp_path / "written"
    with pytest.raises(ModelError, match=f"is a {operator}, which reaches outside the model"):
        load_graph_file(write_graph(tmp_path / "g.pb", build(target)), outputs=["y"])
    assert not target.exists()


def test_it_is_found_in_a_function_of_a_saved_model(tmp_path):
    import tensorflow as tf

    class Hostile(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 2), tf.float32)])
        def __call__(self, x):
            tf.io.write_file(str(tmp_path / "written"), "hostile")
            return {"y": x}

    model = Hostile()
    tf.saved_model.save(model, str(tmp_path / "model"), signatures=model.__call__)
    with pytest.raises(ModelError, match="WriteFile"):
        load_saved_model(tmp_path / "model")
    assert not (tmp_path / "written").exists()
