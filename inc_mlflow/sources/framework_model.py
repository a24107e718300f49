"""A framework's model called as engines' models are: with the rows of a batch first."""

import os
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Self

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import RunSettings
from inc_mlflow.engines.fixed_batch import row_count
from inc_mlflow.engines.row_axes import RowAxes, RowsFirst
from inc_mlflow.files import sha256_text
from inc_mlflow.records import TensorSpec
from inc_mlflow.registry.sources import SOURCES
from inc_mlflow.remote import cache_folder
from inc_mlflow.sources.exchange import Request
from inc_mlflow.sources.source import OpenedSource
from inc_mlflow.spec import SourceSpec

_THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS")
_BETWEEN = "TF_NUM_INTEROP_THREADS"


class FrameworkModel:
    """Runs batches as data has them; outputs have their rows first, layers are as they are given."""

    def __init__(self, opened: OpenedSource, rows: RowsFirst, model: str = "") -> None:
        self._opened, self._rows, self.model = opened, rows, model
        self.outputs: Sequence[str] = ()

    @classmethod
    def of(cls, opened: OpenedSource, axes: RowAxes, inputs: Collection[TensorSpec], model: str = "") -> Self:
        """Return the model with its rows at ``axes``; ``inputs`` are as its ONNX file declares them."""
        return cls(opened, RowsFirst(axes, axes.rows_at_a_time(list(inputs))), model)

    def __call__(self, inputs: Arrays, layers: Collection[str] = ()) -> Arrays:
        """Return the outputs of one batch and the values of ``layers``; raise ModelError where it fails."""
        rows = row_count(inputs)
        values = self._opened.run(self._rows.fed(inputs), layers)
        return {
            name: value if name in layers else self._rows.given(name, value, rows)
            for name, value in values.items()
        }


def describe_framework(spec: SourceSpec, root: Path, inputs: Collection[TensorSpec]) -> Path:
    """Write what ``load_framework`` reads into a folder of the cache, and return the folder.

    Equal models of one place give the same folder.
    """
    request = Request(kind=spec.kind, text=spec.to_text(), root=str(root.resolve()), inputs=tuple(inputs))
    folder = cache_folder() / "frameworks" / sha256_text(request.model_dump_json())[:32]
    folder.mkdir(parents=True, exist_ok=True)
    request.save(folder)
    return folder


def load_framework(folder: Path, settings: RunSettings) -> FrameworkModel:
    """Load the model in this process, which must not have loaded a framework before: threads are set first.

    It runs as the framework does by default.

    Raises MissingExtraError where the framework is not installed, and what opening the model raises.
    """
    os.environ |= dict.fromkeys(_THREADS, str(settings.threads)) | {_BETWEEN: "1"}
    request = Request.load(folder)
    SOURCES.check_packages(request.kind)
    opened = SOURCES.get(request.kind).open(request.spec, Path(request.root))
    opened.use_default_speed(settings.threads)
    return FrameworkModel.of(opened, settings.axes or RowAxes({}), request.inputs, request.spec.where)
