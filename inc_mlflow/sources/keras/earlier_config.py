"""What Keras 2 wrote of its layers, in the words of Keras 3, where Keras does not translate it itself.

That are layers inside others, as in ``Bidirectional``, whose package Keras 2 did not say, and an argument of
recurrent layers that is gone.
"""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inc_mlflow.errors import ModelError
from inc_mlflow.sources.keras.layer_config import ATTRIBUTE

GONE = "time_major"
"""Whether steps came before rows; only False is what Keras 3 computes."""
INNER = frozenset({"backward_layer", "cell", "cells", "layer"})
"""Where a layer has others inside."""
PACKAGES = ("keras.layers", "keras.models")


@contextmanager
def readable_file(path: Path, config: dict[str, Any]) -> Iterator[Path]:
    """Yield a file that Keras 3 reads: the given one, or a copy whose ``config`` is translated.

    Raises ModelError where Keras 3 has no word for it.
    """
    translated = translated_config(f"model: {path}", config)
    if translated == config:
        yield path
        return
    import h5py

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / f"model{path.suffix}"
        shutil.copyfile(path, copy)  # without its modes: the original may be read-only
        with h5py.File(copy, "r+") as file:
            file.attrs[ATTRIBUTE] = json.dumps(translated)
        yield copy


def translated_config(where: str, config: Any) -> Any:
    """Return a configuration in which inner layers name their package, without what is gone."""
    if isinstance(config, list):
        return [translated_config(where, one) for one in config]
    if not isinstance(config, dict):
        return config
    if config.get(GONE):
        raise ModelError(
            f"{where}: a layer has steps before rows ({GONE}), which Keras 3 has not; save it without"
        )
    found = {key: translated_config(where, value) for key, value in config.items() if key != GONE}
    for key in INNER & found.keys():
        inner = found[key]
        found[key] = [_packaged(one) for one in inner] if isinstance(inner, list) else _packaged(inner)
    return found


def _packaged(layer: Any) -> Any:
    """Return a layer's configuration with the package of its class, where that is Keras's and goes unsaid."""
    import importlib

    if not isinstance(layer, dict) or "config" not in layer or "module" in layer:
        return layer
    for package in PACKAGES:
        if hasattr(importlib.import_module(package), str(layer.get("class_name"))):
            return layer | {"module": package, "registered_name": None}
    return layer
