"""Registry of sources, which turn a framework's model into an ONNX file.

A target is a ``ModelSource`` of sources/source.py. Its options are a ``SourceSpec``, whose first field has
the name of the entry.
"""

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from inc_mlflow.registry.table import Entry, Registry

if TYPE_CHECKING:
    from inc_mlflow.engines.engine import LoadedModel, RunSettings
    from inc_mlflow.sources.source import ModelSource

_TENSORFLOW = ("tensorflow", "tensorflow-cpu", "tf2onnx", "onnx", "numpy")
"""What decides how a TensorFlow graph is converted."""
_CONVERSION = "inc_mlflow.sources.conversion"
_FRAMEWORK_MODEL = "inc_mlflow.sources.framework_model"
BUILT = "torch"
"""The kind of a function that stands alone on a command line, as model.py:build."""


@dataclass(frozen=True)
class SourceEntry(Entry):
    """One kind of source."""

    packages: tuple[str, ...] = ()
    """Distributions whose versions decide what is written, if they are installed."""
    marks: tuple[str, ...] = ()
    """Patterns of a file that stands in a folder of this kind, as "saved_model.pb"."""
    beside: tuple[str, ...] = ()
    """Endings of files whose common beginning is a model of this kind, as ".index"."""
    image: str | None = None
    """The image, in images.lock, of the task that imports it on a cluster; None for that of other tasks."""


SOURCES: "Registry[ModelSource]" = Registry(
    "sources",
    {
        BUILT: SourceEntry(
            "inc_mlflow.sources.pytorch.source:SOURCE",
            "PyTorch: a function that returns (module, example inputs), or a folder of Hugging Face's",
            extra="torch",
            needs=("torch", "onnxscript", "safetensors"),
            options="inc_mlflow.sources.pytorch.options:TorchModel",
            suffixes=(".pt", ".pth", ".jit", ".ckpt", ".pkl", ".safetensors"),
            packages=("torch", "onnxscript", "onnx", "transformers"),
            marks=("config.json",),
            image="pytorch",
        ),
        "saved_model": SourceEntry(
            "inc_mlflow.sources.tensorflow.source:SAVED_MODEL",
            "TensorFlow: a SavedModel's folder",
            extra="tensorflow",
            needs=("tensorflow", "tf2onnx"),
            options="inc_mlflow.sources.tensorflow.options:SavedModel",
            packages=_TENSORFLOW,
            marks=("saved_model.pb",),
            image="tensorflow",
        ),
        "graph": SourceEntry(
            "inc_mlflow.sources.tensorflow.source:FROZEN_GRAPH",
            "TensorFlow: a frozen graph, .pb",
            extra="tensorflow",
            needs=("tensorflow", "tf2onnx"),
            options="inc_mlflow.sources.tensorflow.options:FrozenGraphFile",
            suffixes=(".pb",),
            packages=_TENSORFLOW,
            image="tensorflow",
        ),
        "checkpoint": SourceEntry(
            "inc_mlflow.sources.tensorflow.source:CHECKPOINT",
            "TensorFlow 1: a checkpoint with its graph, .meta",
            extra="tensorflow",
            needs=("tensorflow", "tf2onnx"),
            options="inc_mlflow.sources.tensorflow.options:Checkpoint",
            suffixes=(".index", ".meta"),
            packages=_TENSORFLOW,
            marks=("*.index",),
            beside=(".index",),
            image="tensorflow",
        ),
        "keras": SourceEntry(
            "inc_mlflow.sources.keras.source:SOURCE",
            "Keras: .keras, .h5 and .hdf5, whole models or the weights of one that a function builds",
            extra="tensorflow",
            needs=("tensorflow", "keras", "tf2onnx"),
            options="inc_mlflow.sources.keras.options:KerasModel",
            suffixes=(".keras", ".h5", ".hdf5"),
            packages=(*_TENSORFLOW, "keras"),
            image="tensorflow",
        ),
        "tflite": SourceEntry(
            "inc_mlflow.sources.tflite.source:SOURCE",
            "TFLite: a .tflite file",
            extra="tensorflow",
            needs=("tensorflow", "tf2onnx", "ai_edge_litert"),
            options="inc_mlflow.sources.tflite.options:LiteModel",
            suffixes=(".tflite",),
            packages=(*_TENSORFLOW, "ai-edge-litert"),
            image="tensorflow",
        ),
    },
)


def source_entry(kind: str) -> SourceEntry:
    """Return a kind's entry; raise as ``Registry.entry``, TypeError where it is no SourceEntry."""
    entry = SOURCES.entry(kind)
    if not isinstance(entry, SourceEntry):
        raise TypeError(f"sources: {kind!r} is {type(entry).__name__}; it must be a SourceEntry")
    return entry


def framework_loader() -> "Callable[[Path, RunSettings], LoadedModel]":
    """Import and return ``load_framework`` of sources/framework_model.py."""
    loader: Callable[[Path, RunSettings], LoadedModel]
    loader = importlib.import_module(_FRAMEWORK_MODEL).load_framework
    return loader


def converter() -> Callable[[Any, Path], Path]:
    """Import and return ``converted`` of sources/conversion.py."""
    return cast(Callable[[Any, Path], Path], importlib.import_module(_CONVERSION).converted)
