"""Keras files become frozen graphs under their own names; no code of a file runs that the job does not name."""

import importlib
import json
import sys
import zipfile

import numpy as np
import pytest

from inc_mlflow.errors import CallableError, ModelError
from inc_mlflow.sources.keras.freeze import frozen_model
from inc_mlflow.sources.keras.load import load_keras, load_weights
from inc_mlflow.sources.keras.options import KerasModel
from inc_mlflow.sources.keras.source import SOURCE
from inc_mlflow.sources.tensorflow.opened_graph import OpenedGraph
from tests.support.tensorflow_graphs import parity

ROWS = np.random.default_rng(0).normal(size=(4, 5)).astype("f4")


def two_ends(scale=None):
    """A model with two inputs and two outputs."""
    import keras

    keras.utils.set_random_seed(0)
    left, right = (keras.layers.Input((5,), name=name) for name in ("left", "right"))
    both = keras.layers.Concatenate()([left, keras.layers.Dense(3, activation="gelu")(right)])
    if scale is not None:
        both = keras.layers.Lambda(scale, name="scaled")(both)
    sums = keras.layers.Dense(2, name="sums")(both)
    return keras.Model({"left": left, "right": right}, [sums, keras.layers.Dense(4, name="more")(both)])


def saved(folder, suffix, model):
    path = folder / f"model{suffix}"
    model.compile("adam", "mse")
    model.save(path)
    return path


def opened(path, **given):
    return OpenedGraph("model", frozen_model("model", load_keras(path, **given)))


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".hdf5"])
def test_inputs_and_outputs_keep_their_names(tmp_path, suffix):
    model = two_ends()
    given = opened(saved(tmp_path, suffix, model))
    rows = {"left": ROWS, "right": ROWS + 1}
    found = parity(given, rows, tmp_path)
    assert found.keys() == {"sums", "more"}
    assert max(found.values()) < 1e-5
    sums, more = model(rows, training=False)
    assert np.allclose(given.run(rows)["sums"], sums, atol=1e-5)
    assert np.allclose(given.run(rows)["more"], more, atol=1e-5)


def test_an_lstm_is_converted(tmp_path):
    import keras

    words = keras.layers.Input((None,), dtype="int32", name="words")
    x = keras.layers.Embedding(20, 6)(words)
    x = keras.layers.Bidirectional(keras.layers.LSTM(7, return_sequences=True))(x)
    model = keras.Model(words, keras.layers.Dense(2, name="tags")(keras.layers.GRU(5)(x)))
    rows = {"words": np.random.default_rng(0).integers(0, 20, (3, 9)).astype("i4")}
    assert parity(opened(saved(tmp_path, ".keras", model)), rows, tmp_path)["tags"] < 1e-5


def as_keras_2(config):
    """Return what Keras 2 wrote of recurrent layers and of the layers inside others."""
    if isinstance(config, list):
        return [as_keras_2(one) for one in config]
    if not isinstance(config, dict):
        return config
    dropped = ("module", "registered_name", "build_config")
    found = {key: as_keras_2(value) for key, value in config.items() if key not in dropped}
    if "recurrent_activation" in found and "return_sequences" in found:
        found["time_major"] = False
    return found if found.get("class_name") != "DTypePolicy" else found["config"]["name"]


def nested_layers():
    """A model with layers inside others, and with dropout in recurrent ones."""
    import keras

    keras.utils.set_random_seed(0)
    words = keras.layers.Input((6,), dtype="int32", name="words")
    x = keras.layers.Embedding(20, 6)(words)
    inner = keras.layers.LSTM(7, return_sequences=True, dropout=0.2, recurrent_dropout=0.1)
    x = keras.layers.Bidirectional(inner)(x)
    x = keras.layers.GRU(5, dropout=0.1, return_sequences=True)(x)
    x = keras.layers.TimeDistributed(keras.layers.Dense(3))(x)
    return keras.Model(words, keras.layers.Flatten(name="tags")(x))


def test_layers_inside_others_are_read_as_keras_2_wrote_them(tmp_path):
    import h5py

    model = nested_layers()
    path = saved(tmp_path, ".h5", model)
    with h5py.File(path, "r+") as file:
        written = as_keras_2(json.loads(file.attrs["model_config"]))
        file.attrs["model_config"] = json.dumps(written)
    path.chmod(0o444)
    given = opened(path)
    rows = {"words": np.random.default_rng(0).integers(0, 20, (3, 6)).astype("i4")}
    assert parity(given, rows, tmp_path)["tags"] < 1e-5
    assert np.allclose(given.run(rows)["tags"], model(rows["words"], training=False), atol=1e-5)


def test_steps_before_rows_are_refused(tmp_path):
    import h5py

    path = saved(tmp_path, ".h5", nested_layers())
    with h5py.File(path, "r+") as file:
        text = json.dumps(as_keras_2(json.loads(file.attrs["model_config"])))
        file.attrs["model_config"] = text.replace('"time_major": false', '"time_major": true')
    with pytest.raises(ModelError, match="steps before rows"):
        load_keras(path)


CLASS = """
import keras


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.first, self.second = keras.layers.Dense(4, activation="relu"), keras.layers.Dense(2)

    def call(self, x, training=False):
        return self.second(self.first(x))


def build():
    model = Own()
    {call}
    return model
"""


def test_a_model_of_a_class_of_its_own_has_the_input_it_was_called_with(tmp_path):
    (tmp_path / "own.py").write_text(CLASS.format(call="model(keras.ops.zeros((1, 5)))"))
    sys.path.insert(0, str(tmp_path))
    try:
        model = importlib.import_module("own").build()
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("own", None)
    model.save_weights(tmp_path / "w.weights.h5")
    spec = KerasModel(keras="w.weights.h5", architecture="own.py:build")
    given = SOURCE.open(spec, tmp_path)
    assert parity(given, {"input": ROWS}, tmp_path)["output_0"] < 1e-6
    assert np.allclose(given.run({"input": ROWS})["output_0"], model(ROWS), atol=1e-6)


def test_a_model_that_says_nothing_of_its_input_is_refused():
    import keras

    with pytest.raises(ModelError, match="call a model of one array once"):
        frozen_model("model", keras.Sequential([keras.layers.Dense(2)]))


def test_a_file_of_keras_2_is_loaded_without_its_optimizer(tmp_path):
    import h5py

    path = saved(tmp_path, ".h5", two_ends())
    with h5py.File(path, "r+") as file:
        training = json.loads(file.attrs["training_config"])
        training["optimizer_config"] = {"class_name": "Adam", "config": {"lr": 1e-3, "decay": 0.0}}
        file.attrs["training_config"] = json.dumps(training)
    assert opened(path).run({"left": ROWS, "right": ROWS})["sums"].shape == (4, 2)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_lambda_layer_runs_only_where_the_job_names_it(tmp_path, suffix):
    path = saved(tmp_path, suffix, two_ends(lambda both: both * 2))
    with pytest.raises(ModelError, match=r"the Lambda layer 'scaled' .* give `allow_lambda: \[scaled\]`"):
        load_keras(path)
    with pytest.raises(ModelError, match="the Lambda layer 'scaled'"):
        load_keras(path, allow_lambda=["other"])
    rows = {"left": ROWS, "right": ROWS}
    assert max(parity(opened(path, allow_lambda=["scaled"]), rows, tmp_path).values()) < 1e-5


def test_weights_alone_need_the_function_that_builds_the_model(tmp_path):
    model = two_ends()
    model.layers[-1].bias.assign([1.0, 2.0, 3.0, 4.0])
    path = tmp_path / "model.weights.h5"
    model.save_weights(path)
    with pytest.raises(ModelError, match="holds weights without the layers; give the function"):
        load_keras(path)
    (tmp_path / "net.py").write_text(
        "import keras\nfrom tests.sources.keras.test_keras import two_ends\ndef build():\n    return two_ends()\n"
        "def other():\n    return keras.Sequential([keras.layers.Input((3,)), keras.layers.Dense(1)])\n"
        "def none():\n    return 3\n"
    )
    spec = {"keras": "model.weights.h5", "architecture": "net.py:build"}
    rows = {"left": ROWS, "right": ROWS}
    ours = SOURCE.open(KerasModel(**spec), tmp_path).run(rows)
    assert np.allclose(ours["more"], model(rows)[1], atol=1e-5)
    with pytest.raises(ModelError, match="its weights do not fit"):
        SOURCE.open(KerasModel(**spec | {"architecture": "net.py:other"}), tmp_path)
    with pytest.raises(CallableError, match=r"returns int; return a keras\.Model"):
        SOURCE.open(KerasModel(**spec | {"architecture": "net.py:none"}), tmp_path)


def test_weights_of_keras_2_fit_too(tmp_path):
    """Keras 2 wrote them as HDF5 groups by layer, under any name."""
    import h5py
    from keras.src.legacy.saving import legacy_h5_format

    model = two_ends()
    model.layers[-1].bias.assign([1.0, 2.0, 3.0, 4.0])
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, model)
    rows = {"left": ROWS, "right": ROWS}
    assert np.allclose(load_weights(two_ends(), path)(rows)[1], model(rows)[1], atol=1e-5)


def changed(path, change):
    """Change the configuration inside a .keras file."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["config.json"] = change(parts["config.json"].decode()).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


GELU = '"gelu"'
HOSTILE = {
    "a function of Python's": '{"module": "os", "class_name": "function", "config": "system"}',
    "a function that fetches": '{"module": "keras.utils", "class_name": "function", "config": "get_file"}',
    "a function of Keras's inside": '{"module": "keras.src.saving.saving_lib", "class_name": "function", '
    '"config": "load_model"}',
    "code": '{"class_name": "__lambda__", "config": {"code": "4wEAAAA=", "defaults": null, "closure": null}}',
    "another framework's model": '{"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {}}',
}


@pytest.mark.parametrize("what", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_file_is_refused_before_keras_reads_it(tmp_path, what, monkeypatch):
    import keras

    path = saved(tmp_path, ".keras", two_ends())
    changed(path, lambda text: text.replace(GELU, what))
    monkeypatch.setattr(keras.saving, "load_model", lambda *_, **__: pytest.fail("Keras read it"))
    with pytest.raises(ModelError) as refused:
        load_keras(path)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"\x80\x02}q\x00.", b"PK\x03\x04broken"])
def test_bytes_that_are_no_keras_file_are_refused(tmp_path, content):
    (tmp_path / "model.keras").write_bytes(content)
    with pytest.raises(ModelError, match="no Keras file"):
        load_keras(tmp_path / "model.keras")


def test_gelu_becomes_one_operator_of_the_engine(tmp_path):
    """Keras writes it by an operator that ONNX has not."""
    import keras
    import onnxruntime

    x = keras.layers.Input((5,), name="x")
    model = keras.Model(x, keras.layers.Dense(3, activation="gelu", name="y")(x))
    given = opened(saved(tmp_path, ".keras", model))
    assert parity(given, {"x": ROWS}, tmp_path)["y"] < 1e-5
    settings = onnxruntime.SessionOptions()
    settings.optimized_model_filepath = str(tmp_path / "fast.onnx")
    settings.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    onnxruntime.InferenceSession(str(tmp_path / "converted.onnx"), settings)
    assert b"Gelu" in (tmp_path / "fast.onnx").read_bytes()


def test_a_complementary_error_function_of_anything_is_converted(tmp_path):
    import keras

    x = keras.layers.Input((5,), name="x")
    import tensorflow as tf

    class Erfc(keras.layers.Layer):
        def call(self, x):
            return tf.math.erfc(x + 0.5)

    model = keras.Model(x, Erfc(name="y")(x))
    assert parity(OpenedGraph("model", frozen_model("model", model)), {"x": ROWS}, tmp_path)["y"] < 1e-5
