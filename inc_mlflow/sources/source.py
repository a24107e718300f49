"""The role of a source, which knows one framework's models. It is played in a process of its own.

A source object is light: it imports its framework inside its methods. Whatever the framework raises about a
model is a ModelError of one line (``framework_call``).
"""

import traceback
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import IncError, ModelError, reason


@dataclass(frozen=True)
class Converted:
    """What a source says of the ONNX file that it wrote; the file itself says its inputs and outputs."""

    framework: str
    """Name and version, as "torch 2.13.0"."""
    layers: tuple[str, ...] = ()
    """Tensors of the file, in the order of their computation, whose values the framework can give as well."""
    notes: tuple[str, ...] = ()
    """What a user should know about the conversion, one line each."""


class OpenedSource(Protocol):
    """A framework's model in memory."""

    def convert(self, target: Path) -> Converted:
        """Write one ONNX file, the same bytes each time; weights above 2 GB go beside it as ``<name>.data``.

        Axes that may have any size are names in it, the batch at least where the model allows it. Raises
        ModelError where the framework cannot run the model, or it cannot be converted.
        """
        ...

    def run(self, inputs: Arrays, layers: Collection[str] = ()) -> Arrays:
        """Return what the framework computes, by the names of the ONNX file: all outputs, and ``layers``.

        Inputs are as the file declares them. Layers whose values are not known are left out. Raises
        ModelError where the model does not run.
        """
        ...

    def use_default_speed(self, threads: int) -> None:
        """Run from now on as the framework does by default, on ``threads``.

        What is timed is the framework as people run it, with fusions that are fast and not exact.
        """
        ...


class ModelSource(Protocol):
    """Knows one kind of model."""

    def open(self, spec: Any, root: Path) -> OpenedSource:
        """Load the model that ``spec``, a ``SourceSpec`` of this kind, names relative to ``root``.

        No code that a model's file holds is run. Raises ModelError with what to give instead, CallableError
        where a function of the user's fails.
        """
        ...


@contextmanager
def framework_call(what: str) -> Iterator[None]:
    """Turn any exception of a framework into a ModelError of one line that begins with ``what``.

    Its ``details`` are the whole text. Only the framework's call may stand in this block: a bug of ours keeps
    its traceback.
    """
    try:
        yield
    except (Exception, SystemExit) as error:  # whatever it raises concerns this model only
        if isinstance(error, IncError | MemoryError):
            raise
        raise ModelError(f"{what}: {reason(error)}", details=traceback.format_exc()) from error
