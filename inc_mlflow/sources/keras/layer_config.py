"""What a Keras file says of its layers, read before Keras makes anything of it."""

import json
import zipfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from inc_mlflow.errors import ModelError, reason

CONFIG = "config.json"
"""Where a ``.keras`` file has its layers."""
ATTRIBUTE = "model_config"
"""Where an HDF5 file has them; a file of weights alone has none."""
RUNS_OTHERS = frozenset({"FlaxLayer", "JaxLayer", "TFSMLayer", "TorchModuleWrapper"})
"""Layers that load and run what is not Keras."""
ROOMS = frozenset(
    {
        *("activations", "backend", "constraints", "dtype_policies", "initializers", "layers", "losses"),
        *("metrics", "models", "ops", "optimizers", "quantizers", "regularizers"),
    }
)
"""Packages of Keras whose classes and functions a file may name: others read files and fetch addresses."""
CODE = frozenset({"__lambda__", "lambda"})
"""What marks Python code in a file."""


def read_config(path: Path) -> dict[str, Any] | None:
    """Return the layers of a Keras file; None where it holds weights alone.

    Raises ModelError where it is no Keras file.
    """
    try:
        text = _archive_config(path) if zipfile.is_zipfile(path) else _hdf5_config(path)
        config = None if text is None else json.loads(text)
    except (OSError, KeyError, ValueError, RecursionError, zipfile.BadZipFile) as error:
        raise ModelError(f"model: {path}: no Keras file: {reason(error)}") from error
    if config is not None and not isinstance(config, dict):
        raise ModelError(f"model: {path}: no Keras file: its {CONFIG} is no mapping")
    return config


def refuse_code(path: Path, config: Any, allow_lambda: Collection[str] = ()) -> None:
    """Raise ModelError where layers would run code: of the file, of other frameworks, of other packages.

    A Lambda layer runs only if ``allow_lambda`` has its name.
    """
    for one in _objects(config, allow_lambda):
        kind, name = one.get("class_name"), _layer_name(one)
        module = one.get("module")
        if kind == "Lambda":
            raise ModelError(
                f"model: {path}: the Lambda layer {name!r} is Python code in the file; if you trust it, give "
                f"`allow_lambda: [{name}]`"
            )
        if {kind, one.get("function_type")} & CODE:
            raise ModelError(
                f"model: {path}: holds Python code outside its Lambda layers; save the model without it"
            )
        if kind in RUNS_OTHERS:
            raise ModelError(
                f"model: {path}: the layer {name!r} is a {kind}, which runs another model; give that"
            )
        if isinstance(module, str) and not _is_layer_code(module):
            raise ModelError(
                f"model: {path}: {kind!r} is of {module!r}, which is not run for a file; give "
                "`architecture: model.py:build`, a function that builds the model"
            )


def _is_layer_code(module: str) -> bool:
    """Tell whether a module of a file's is of Keras, and of what layers are made of."""
    first, *rest = [part for part in module.split(".") if part != "src"]
    return module == "builtins" or (first == "keras" and (not rest or rest[0] in ROOMS))


def _objects(config: Any, allow_lambda: Collection[str]) -> Iterator[dict[str, Any]]:
    """Yield all mappings in a configuration but what stands in a Lambda layer that is allowed."""
    if isinstance(config, dict):
        if config.get("class_name") == "Lambda" and _layer_name(config) in allow_lambda:
            return
        yield config
    parts = config.values() if isinstance(config, dict) else config if isinstance(config, list) else ()
    for one in parts:
        yield from _objects(one, allow_lambda)


def _layer_name(one: dict[str, Any]) -> str:
    inner = one.get("config")
    return str(inner.get("name") if isinstance(inner, dict) else one.get("name"))


def _archive_config(path: Path) -> bytes:
    with zipfile.ZipFile(path) as archive:
        return archive.read(CONFIG)


def _hdf5_config(path: Path) -> str | bytes | None:
    import h5py

    with h5py.File(path, "r") as file:
        config: str | bytes | None = file.attrs.get(ATTRIBUTE)
        return config
