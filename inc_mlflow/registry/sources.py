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
    from inc_mlflow.sources.source import ModelSource

_CONVERSION = "inc_mlflow.sources.conversion"


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
        "torch": SourceEntry(
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
    },
)


def source_entry(kind: str) -> SourceEntry:
    """Return a kind's entry; raise as ``Registry.entry``, TypeError where it is no SourceEntry."""
    entry = SOURCES.entry(kind)
    if not isinstance(entry, SourceEntry):
        raise TypeError(f"sources: {kind!r} is {type(entry).__name__}; it must be a SourceEntry")
    return entry


def converter() -> Callable[[Any, Path], Path]:
    """Import and return ``converted`` of sources/conversion.py."""
    return cast(Callable[[Any, Path], Path], importlib.import_module(_CONVERSION).converted)
