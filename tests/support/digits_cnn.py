"""A small CNN trained on scikit-learn's digits by Keras, and its files of every kind."""

from pathlib import Path


def digits():
    """Return images (n, 8, 8, 1) of 0 to 1 and labels."""
    from sklearn.datasets import load_digits

    found = load_digits()
    return (found.images[..., None] / 16).astype("f4"), found.target.astype("i8")


def trained_cnn():
    """Return the model, trained for two passes: convolution, batch norm, depthwise, pooling, dense."""
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers
    image = layers.Input((8, 8, 1), name="image")
    x = layers.Conv2D(16, 3, padding="same", use_bias=False)(image)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.MaxPooling2D()(layers.ReLU(6.0)(x))
    x = layers.Dropout(0.1)(layers.Conv2D(32, 3, activation="relu")(x))
    model = keras.Model(image, layers.Dense(10, name="logits")(layers.Flatten()(x)))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    images, labels = digits()
    model.fit(images[:1200], labels[:1200], batch_size=32, epochs=2, verbose=0)
    return model


def save_everywhere(model, folder: Path) -> dict[str, dict]:
    """Write every kind of file; return for each what a job says of it."""
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    model.save(folder / "cnn.keras")
    model.save(folder / "cnn.h5")
    model.save_weights(folder / "cnn.weights.h5")
    model.export(folder / "saved", verbose=False)
    lite = tf.lite.TFLiteConverter.from_saved_model(str(folder / "saved")).convert()
    (folder / "cnn.tflite").write_bytes(lite)
    call = tf.function(lambda image: model(image, training=False))
    traced = call.get_concrete_function(tf.TensorSpec((None, 8, 8, 1), tf.float32, name="image"))
    frozen = convert_variables_to_constants_v2(traced).graph.as_graph_def()
    (folder / "cnn.pb").write_bytes(frozen.SerializeToString())
    return {
        "keras": {"keras": "cnn.keras"},
        "h5": {"keras": "cnn.h5"},
        "saved_model": {"saved_model": "saved"},
        "graph": {"graph": "cnn.pb"},
        "tflite": {"tflite": "cnn.tflite"},
    }
