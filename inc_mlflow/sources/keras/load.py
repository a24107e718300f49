"""Load Keras files. No code of a file runs but in Lambda layers that the job names."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

from inc_mlflow.errors import CallableError, ModelError
from inc_mlflow.sources.keras.earlier_config import readable_file
from inc_mlflow.sources.keras.layer_config import read_config, refuse_code
from inc_mlflow.sources.source import framework_call


def load_keras(path: Path, allow_lambda: Collection[str] = ()) -> Any:
    """Return the Keras model of a file, without its optimizer.

    Raises ModelError where the file holds no whole model, Keras cannot load it, or it would run code.
    """
    import keras

    config = read_config(path)
    if config is None:
        raise ModelError(
            f"model: {path}: holds weights without the layers; give the function that builds the model, as "
            "`architecture: model.py:build`, or a file of the whole model"
        )
    refuse_code(path, config, allow_lambda)
    with readable_file(path, config) as file, framework_call(f"model: {path}: Keras cannot load it"):
        return keras.saving.load_model(file, compile=False, safe_mode=not allow_lambda)


def load_weights(model: Any, path: Path) -> Any:
    """Return a model that the user built with the weights of a file.

    Raises CallableError where it is no Keras model, ModelError where the weights do not fit.
    """
    import keras

    if not isinstance(model, keras.Model):
        raise CallableError(
            f"model.architecture: the function returns {type(model).__name__}; return a keras.Model"
        )
    if not path.exists():
        raise ModelError(f"model: {path}: no such file")
    with framework_call(f"model: {path}: its weights do not fit what `architecture` builds"):
        model.load_weights(path)
    return model
