"""A SavedModel: the graph behind a signature, whatever else was saved with it."""

import numpy as np
import pytest

from inc_mlflow.errors import ModelError
from inc_mlflow.sources.tensorflow.opened_graph import OpenedGraph
from inc_mlflow.sources.tensorflow.saved_model import load_saved_model
from tests.support.tensorflow_graphs import parity

ROWS = np.random.default_rng(0).normal(size=(4, 6)).astype("f4")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model with two signatures, whose variables are read in functions."""
    import tensorflow as tf

    class Dense(tf.Module):
        def __init__(self):
            random = np.random.default_rng(0)
            self.weights = tf.Variable(random.normal(size=(6, 3)).astype("f4"))
            self.table = tf.Variable(random.normal(size=(9, 6)).astype("f4"))

        @tf.function(input_signature=[tf.TensorSpec((None, 6), tf.float32, name="x")])
        def serve(self, x):
            return {"logits": x @ self.weights, "doubled": x * 2}

        @tf.function(input_signature=[tf.TensorSpec((None,), tf.int32, name="word")])
        def embed(self, word):
            return {"vector": tf.gather(self.table, word) @ self.weights}

    folder = tmp_path_factory.mktemp("saved") / "model"
    model = Dense()
    tf.saved_model.save(model, str(folder), signatures={"serving_default": model.serve, "embed": model.embed})
    return folder


def test_the_default_signature_has_its_names(saved, tmp_path):
    opened = OpenedGraph("model", load_saved_model(saved))
    assert set(parity(opened, {"x": ROWS}, tmp_path)) == {"doubled", "logits"}
    assert max(parity(opened, {"x": ROWS}, tmp_path).values()) < 1e-5


def test_another_signature_is_named(saved, tmp_path):
    opened = OpenedGraph("model", load_saved_model(saved, "embed"))
    assert parity(opened, {"word": np.array([3, 8], "i4")}, tmp_path)["vector"] < 1e-5


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"signature": "predict"}, "no `signature` 'predict'; it has embed, serving_default"),
        ({"tags": ("train",)}, "no graph has the `tags` train; there are serve"),
    ],
)
def test_what_is_not_there_is_refused_with_what_is(saved, given, said):
    with pytest.raises(ModelError, match=said):
        load_saved_model(saved, **given)


def test_an_optimizer_that_cannot_be_made_again_does_no_harm(saved, tmp_path):
    import shutil

    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    shutil.copytree(saved, folder := tmp_path / "model")
    model = SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    for one in model.meta_graphs[0].object_graph_def.nodes:
        if one.WhichOneof("kind") == "user_object":
            one.user_object.identifier = "optimizer"
            one.slot_variables.add(original_variable_node_id=0, slot_name="m", slot_variable_node_id=1)
    (folder / "saved_model.pb").write_bytes(model.SerializeToString())
    opened = OpenedGraph("model", load_saved_model(folder))
    assert opened.run({"x": ROWS})["doubled"].shape == (4, 6)


def test_a_folder_without_a_model_is_refused(tmp_path):
    with pytest.raises(ModelError, match=r"no SavedModel: it has no saved_model\.pb"):
        load_saved_model(tmp_path)
