"""A TFLite file is converted by its own tensors, and LiteRT says what it gives."""

import numpy as np
import pytest

from inc_mlflow.errors import ModelError
from inc_mlflow.sources.tflite.options import LiteModel
from inc_mlflow.sources.tflite.source import SOURCE
from tests.support.tensorflow_graphs import parity

ROWS = np.random.default_rng(0).normal(size=(4, 6)).astype("f4")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A file with a signature, and one without any."""
    import tensorflow as tf

    class Model(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec((None, 6), tf.float32, name="x")])
        def double(self, x):
            return {"doubled": x * 2, "total": tf.reduce_sum(x, 1)}

        @tf.function(input_signature=[tf.TensorSpec((None, 6), tf.float32, name="x")])
        def square(self, x):
            return {"squared": x * x}

    folder, model = tmp_path_factory.mktemp("lite"), Model()
    signatures = {name: getattr(model, name).get_concrete_function() for name in ("double", "square")}
    tf.saved_model.save(model, str(folder / "model"), signatures=signatures)
    one = tf.lite.TFLiteConverter.from_saved_model(str(folder / "model"), signature_keys=["double"])
    (folder / "one.tflite").write_bytes(one.convert())
    plain = tf.lite.TFLiteConverter.from_concrete_functions([signatures["square"]])
    (folder / "plain.tflite").write_bytes(plain.convert())
    return folder


def test_the_only_signature_names_what_is_given(folder, tmp_path):
    found = parity(SOURCE.open(LiteModel(tflite="one.tflite"), folder), {"x": ROWS}, tmp_path)
    assert found.keys() == {"doubled", "total"}
    assert max(found.values()) < 1e-6


def test_without_signatures_tensors_have_their_own_names(folder, tmp_path):
    opened = SOURCE.open(LiteModel(tflite="plain.tflite"), folder)
    (name,) = opened._interpreter.inputs
    assert max(parity(opened, {name: ROWS}, tmp_path).values()) < 1e-6


def test_a_signature_that_is_not_there_is_refused(folder):
    with pytest.raises(ModelError, match="no `signature` 'serve'; it has double"):
        SOURCE.open(LiteModel(tflite="one.tflite", signature="serve"), folder)


def test_weights_without_their_zeros_are_named(tmp_path):
    import tensorflow as tf

    weights = np.random.default_rng(0).normal(size=(64, 64)).astype("f4")
    weights *= np.random.default_rng(1).random((64, 64)) < 0.1

    @tf.function(input_signature=[tf.TensorSpec((1, 64), tf.float32, name="x")])
    def product(x):
        return x @ weights

    converter = tf.lite.TFLiteConverter.from_concrete_functions([product.get_concrete_function()])
    converter.optimizations = [tf.lite.Optimize.EXPERIMENTAL_SPARSITY]
    (tmp_path / "sparse.tflite").write_bytes(converter.convert())
    opened = SOURCE.open(LiteModel(tflite="sparse.tflite"), tmp_path)
    with pytest.raises(ModelError, match="are stored sparsely, which is not converted; write the file"):
        opened.convert(tmp_path / "x.onnx")


def test_bytes_that_are_no_model_are_refused_in_one_line(tmp_path):
    (tmp_path / "x.tflite").write_bytes(b"not a model")
    with pytest.raises(ModelError, match="LiteRT cannot load it") as refused:
        SOURCE.open(LiteModel(tflite="x.tflite"), tmp_path)
    assert "\n" not in str(refused.value)
