"""A frozen graph: its inputs and outputs are found or named, and what inference fixes is fixed."""

import numpy as np
import pytest

from inc_mlflow.errors import ModelError
from inc_mlflow.sources.tensorflow.graph_file import load_graph_file
from inc_mlflow.sources.tensorflow.opened_graph import OpenedGraph
from tests.support.tensorflow_graphs import parity, write_graph

ROWS = np.random.default_rng(0).normal(size=(3, 6)).astype("f4")
WEIGHTS = np.random.default_rng(1).normal(size=(6, 4)).astype("f4")


def dense(tf):
    """A dense layer with everything that training leaves in a graph."""
    x = tf.placeholder("float32", (None, 6), name="scope/x")
    keep = tf.placeholder("float32", name="keep_prob")
    training = tf.placeholder("bool", (), name="is_training")
    scale = tf.placeholder_with_default(2.0, (), name="scale")
    y = tf.matmul(x, tf.constant(WEIGHTS)) * scale
    y = tf.cond(training, lambda: y * 100.0, lambda: y)
    y = tf.identity(tf.nn.dropout(y, keep_prob=keep), name="scope/y")
    tf.identity(tf.constant(1.0), name="learning_rate")


def opened(path, **names):
    return OpenedGraph("model", load_graph_file(path, **names))


def test_ends_are_found_and_what_inference_fixes_is_said(tmp_path):
    path = write_graph(tmp_path / "g.pb", dense)
    frozen = load_graph_file(path)
    assert (frozen.inputs, frozen.outputs) == ({"scope/x": "scope/x:0"}, {"scope/y": "scope/y:0"})
    assert [note.split(",")[0] for note in frozen.notes] == [
        "keep_prob is fixed at 1.0",
        "is_training is fixed at False",
    ]
    assert parity(OpenedGraph("model", frozen), {"scope/x": ROWS}, tmp_path)["scope/y"] < 1e-5
    assert np.allclose(
        OpenedGraph("model", frozen).run({"scope/x": ROWS})["scope/y"], ROWS @ WEIGHTS * 2, rtol=1e-5
    )


def test_a_named_input_is_fed_though_it_has_a_default(tmp_path):
    path = write_graph(tmp_path / "g.pb", dense)
    rows = {"scope/x": ROWS, "scale": np.array(3, "f4")}
    given = opened(path, inputs=["scope/x", "scale"])
    assert parity(given, rows, tmp_path)["scope/y"] < 1e-5
    assert np.allclose(given.run(rows)["scope/y"], ROWS @ WEIGHTS * 3, rtol=1e-5)


def test_a_graph_is_cut_at_a_named_tensor_inside(tmp_path):
    def build(tf):
        picture = tf.placeholder("string", (), name="encoded")
        image = tf.image.decode_jpeg(picture, name="decoded")
        x = tf.expand_dims(tf.cast(image, "float32"), 0, name="x")
        tf.reduce_mean(x, (1, 2), name="y")

    path = write_graph(tmp_path / "g.pb", build)
    rows = {"x": np.random.default_rng(0).normal(size=(1, 5, 5, 3)).astype("f4")}
    assert parity(opened(path, inputs=["x"]), rows, tmp_path)["y"] < 1e-5


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            {"outputs": ["nowhere"]},
            "no node 'nowhere'; it has the placeholders scope/x, keep_prob, is_training",
        ),
        ({"inputs": ["is_training"]}, "depend on the placeholder 'scope/x' too; name it in `inputs`"),
    ],
)
def test_names_that_do_not_fit_are_refused(tmp_path, names, said):
    with pytest.raises(ModelError) as refused:
        load_graph_file(write_graph(tmp_path / "g.pb", dense), **names)
    assert said in str(refused.value)


def test_a_graph_with_variables_is_not_frozen(tmp_path):
    def build(tf):
        tf.identity(
            tf.placeholder("float32", (2,), name="x") * tf.Variable([1.0, 2.0], use_resource=False), "y"
        )

    with pytest.raises(ModelError, match="not frozen: 'Variable' is a variable"):
        load_graph_file(write_graph(tmp_path / "g.pb", build))


def test_bytes_that_are_no_graph_are_refused(tmp_path):
    (tmp_path / "g.pb").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(ModelError, match="not a frozen graph"):
        load_graph_file(tmp_path / "g.pb")


def test_a_graph_that_tensorflow_cannot_run_is_refused_in_one_line(tmp_path):
    def build(tf):
        x = tf.placeholder("float32", (None, 6), name="x")
        tf.matmul(tf.reshape(x, (-1, 5)), tf.ones((5, 2)), name="y")

    with pytest.raises(ModelError, match="TensorFlow itself cannot run it") as refused:
        opened(write_graph(tmp_path / "g.pb", build)).run({"x": ROWS[:1]})
    assert "\n" not in str(refused.value)


def test_an_operator_without_a_form_in_onnx_is_named(tmp_path):
    def build(tf):
        x = tf.placeholder("float32", (None, 4, 4), name="x")
        tf.linalg.cholesky(x, name="y")

    with pytest.raises(ModelError, match=r"no form of the operator Cholesky \(node 'y'\)"):
        opened(write_graph(tmp_path / "g.pb", build)).convert(tmp_path / "converted.onnx")


def test_a_loop_as_tensorflow_1_writes_it_is_converted(tmp_path):
    import tensorflow as tf

    def build(v1):
        x = v1.placeholder("float32", (None, None, 6), name="x")
        lengths = v1.placeholder("int32", (None,), name="lengths")
        length = tf.reduce_max(lengths)
        steps = tf.TensorArray("float32", size=length)

        def body(step, state, written):
            state = tf.tanh(tf.matmul(x[:, step], WEIGHTS) + state)
            return step + 1, state, written.write(step, state)

        start = tf.zeros((tf.shape(x)[0], 4))
        _, _, written = v1.while_loop(lambda step, *_: step < length, body, (0, start, steps))
        tf.transpose(written.stack(), (1, 0, 2), name="y")

    tf.compat.v1.disable_control_flow_v2()
    try:
        path = write_graph(tmp_path / "g.pb", build)
    finally:
        tf.compat.v1.enable_control_flow_v2()
    rows = {"x": np.stack([ROWS, ROWS + 1]), "lengths": np.array([3, 3], "i4")}
    assert parity(opened(path), rows, tmp_path)["y"] < 1e-5


def test_layers_that_both_have_are_given_as_the_file_has_them(tmp_path):
    def build(tf):
        x = tf.placeholder("float32", (None, 9, 7, 3), name="x")
        filters = tf.constant(np.random.default_rng(0).normal(size=(3, 3, 3, 5)).astype("f4"))
        y = tf.nn.relu(tf.nn.conv2d(x, filters, 1, "SAME"), name="relu")
        tf.reduce_mean(tf.nn.relu(tf.nn.conv2d(y, tf.ones((1, 1, 5, 4)), 1, "SAME")), (1, 2), name="y")

    given = opened(write_graph(tmp_path / "g.pb", build))
    rows = {"x": np.random.default_rng(0).normal(size=(2, 9, 7, 3)).astype("f4")}
    layers = given.convert(tmp_path / "converted.onnx").layers
    assert "relu:0" in layers
    assert given.run(rows, layers)["relu:0"].shape == (2, 5, 9, 7)
