"""What a rewrite is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import onnx

Apply = Callable[[onnx.ModelProto, Path], onnx.ModelProto | None]
"""Takes a model, which it may change, and the folder with its external weights.

Returns the model that takes its place, or None where there was nothing to do. It may raise ModelError.
"""


@dataclass(frozen=True)
class Rewrite:
    """One change of a graph that keeps its outputs; ``name`` is what records and users call it."""

    name: str
    apply: Apply
    note: str | None = None
    """What a user should know where it was applied."""
