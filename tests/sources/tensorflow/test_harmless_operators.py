"""A graph runs only if all its operators are known to stay inside it, wherever they stand."""

import re

import numpy as np
import pytest

from inc_mlflow.errors import ModelError
from inc_mlflow.sources.tensorflow.checkpoint import load_checkpoint
from inc_mlflow.sources.tensorflow.graph_file import load_graph_file
from inc_mlflow.sources.tensorflow.harmless_operators import HARMLESS, RESTORING, _is_plain, unsafe_operators
from inc_mlflow.sources.tensorflow.saved_model import load_saved_model
from tests.support.tensorflow_graphs import graph_of, write_graph


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


def reads_records(target):
    def build(tf):
        x = tf.placeholder("float32", (None, 2), name="x")
        queue = tf.FIFOQueue(1, "string")
        read = tf.WholeFileReader().read(queue)[1]
        tf.identity(x + tf.cast(tf.strings.length(read), "float32"), name="y")

    return build


def reads_values(target):
    def build(tf):
        x = tf.placeholder("float32", (None, 2), name="x")
        (read,) = tf.raw_ops.RestoreV2(
            prefix=str(target), tensor_names=["a"], shape_and_slices=[""], dtypes=["float32"]
        )
        tf.identity(x + read, name="y")

    return build


def keeps_an_iterator(target):
    def build(tf):
        x = tf.placeholder("float32", (None, 2), name="x")
        rows = tf.data.make_one_shot_iterator(tf.data.TextLineDataset(str(target)).batch(2))
        tf.identity(x + tf.cast(tf.strings.length(rows.get_next())[:, None], "float32"), name="y")

    return build


def asks_the_time(target):
    def build(tf):
        x = tf.placeholder("float32", (None, 2), name="x")
        tf.identity(x + tf.cast(tf.timestamp(), "float32"), name="y")

    return build


def writes_in_a_function_of_a_function(target):
    def build(tf):
        import tensorflow

        @tensorflow.function
        def inner(x):
            tensorflow.io.write_file(str(target), "hostile")
            return x

        @tensorflow.function
        def outer(x):
            return tensorflow.cond(tensorflow.reduce_sum(x) > 0, lambda: inner(x), lambda: x)

        tf.identity(outer(tf.placeholder("float32", (None, 2), name="x")), name="y")

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
        (reads_records, "(FIFOQueueV2|WholeFileReaderV2)"),
        (reads_values, "RestoreV2"),
        (keeps_an_iterator, "(OneShotIterator|IteratorGetNext)"),
        (asks_the_time, "Timestamp"),
        (writes_in_a_function_of_a_function, "WriteFile"),
    ],
)
def test_it_is_named_and_does_not_run(tmp_path, build, operator):
    target = tmp_path / "written"
    with pytest.raises(ModelError, match=f"is a {operator}, which is not known to stay inside the model"):
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


def test_an_operator_stands_nowhere_in_the_place_of_a_function(tmp_path):
    graph, _ = graph_of(writes_in_a_function_of_a_function(tmp_path / "written"))
    (call,) = [node for node in graph.node if "PartitionedCall" in node.op]
    call.attr["f"].func.name = "ReadFile"
    (tmp_path / "g.pb").write_bytes(graph.SerializeToString())
    with pytest.raises(ModelError, match="is a ReadFile"):
        load_graph_file(tmp_path / "g.pb", outputs=["y"])


def test_what_tensorflow_does_not_know_is_refused(tmp_path):
    graph, _ = graph_of(asks_the_time(tmp_path))
    for node in graph.node:
        node.op = {"Timestamp": "OfAnotherPackage"}.get(node.op, node.op)
    (tmp_path / "g.pb").write_bytes(graph.SerializeToString())
    with pytest.raises(ModelError, match="is a OfAnotherPackage, which is not known"):
        load_graph_file(tmp_path / "g.pb", outputs=["y"])


def test_nothing_before_a_named_input_runs(tmp_path):
    """TensorFlow works out shapes by running what has no state; a file's length must not become one."""
    (tmp_path / "secret").write_text("12345678")

    def build(tf):
        x = tf.placeholder("float32", (None, None))
        length = tf.strings.length(tf.io.read_file(str(tmp_path / "secret")))
        inside = tf.reshape(x, tf.stack([-1, length]), name="inside")
        tf.identity(inside * 2, name="y")

    frozen = load_graph_file(write_graph(tmp_path / "g.pb", build), inputs=["inside"], outputs=["y"])
    (node,) = [node for node in frozen.graph.node if node.op == "Placeholder"]
    assert [size.size for size in node.attr["shape"].shape.dim] == [-1, -1]


def test_a_graph_with_its_reading_is_cut_behind_it(tmp_path):
    def build(tf):
        image = tf.io.decode_png(tf.WholeFileReader().read(tf.FIFOQueue(4, "string"))[1], channels=3)
        batch = tf.FIFOQueue(4, "float32", shapes=[(8, 8, 3)])
        with tf.control_dependencies([batch.enqueue(tf.image.resize(image, (8, 8)))]):
            rows = batch.dequeue_many(2)
        tf.identity(tf.reshape(rows, (-1, 8, 8, 3), name="rows") * 2, name="y")

    frozen = load_graph_file(write_graph(tmp_path / "g.pb", build), inputs=["rows"], outputs=["y"])
    (node,) = [node for node in frozen.graph.node if node.op == "Placeholder"]
    assert [size.size for size in node.attr["shape"].shape.dim] == [-1, 8, 8, 3]


def test_a_saver_reads_values_and_does_nothing_else(tmp_path):
    import tensorflow as tf

    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        x = tf.compat.v1.placeholder("float32", (None, 2), name="x")
        weight = tf.compat.v1.get_variable("weight", initializer=[1.0, 2.0])
        tf.identity(x * weight, name="y")
        saver = tf.compat.v1.train.Saver()
        written = tf.raw_ops.WriteFile(filename=str(tmp_path / "written"), contents="hostile")
        session.graph.get_operation_by_name("save/restore_all")._add_control_input(written)
        session.run(weight.initializer)
        saver.save(session, str(tmp_path / "model.ckpt"))
    with pytest.raises(ModelError, match="is a WriteFile, which is not known"):
        load_checkpoint(tmp_path / "model.ckpt", outputs=["y"])
    assert not (tmp_path / "written").exists()


def test_the_list_has_only_what_tensorflow_knows_and_its_registry_does_not_say():
    from tensorflow.python.framework import op_def_registry

    assert all(op_def_registry.get(operator) for operator in HARMLESS | RESTORING)
    assert not any(_is_plain(operator) for operator in HARMLESS)


def test_of_what_reaches_outside_nothing_is_thought_harmless():
    """By the words of TensorFlow's own names; what is compared with what the rule lets through."""
    from tensorflow.core.framework.node_def_pb2 import NodeDef
    from tensorflow.core.framework.op_def_pb2 import OpList
    from tensorflow.python.client import pywrap_tf_session as session

    known = OpList()
    known.ParseFromString(session.TF_GetBuffer(session.TF_GetAllOpList()))
    outside = re.compile("File|PyFunc|Reader|Save|Dataset|Iterator|Rpc|Send|Recv|Remote|Immutable|Writer")
    for operator in [one.name for one in known.op if outside.search(one.name)]:
        assert list(unsafe_operators(NodeDef(op=operator))) == [operator]
