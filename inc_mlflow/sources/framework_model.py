"""A framework's model called as engines' models are: with the rows of a batch first."""

from collections.abc import Collection
from typing import Self

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.fixed_batch import row_count
from inc_mlflow.engines.row_axes import RowAxes, RowsFirst
from inc_mlflow.records import TensorSpec
from inc_mlflow.sources.source import OpenedSource


class FrameworkModel:
    """Runs batches as data has them; outputs have their rows first, layers are as they are given."""

    def __init__(self, opened: OpenedSource, rows: RowsFirst) -> None:
        self._opened, self._rows = opened, rows

    @classmethod
    def of(cls, opened: OpenedSource, axes: RowAxes, inputs: Collection[TensorSpec]) -> Self:
        """Return the model with its rows at ``axes``; ``inputs`` are as its ONNX file declares them."""
        return cls(opened, RowsFirst(axes, axes.rows_at_a_time(list(inputs))))

    def __call__(self, inputs: Arrays, layers: Collection[str] = ()) -> Arrays:
        """Return the outputs of one batch and the values of ``layers``; raise ModelError where it fails."""
        rows = row_count(inputs)
        values = self._opened.run(self._rows.fed(inputs), layers)
        return {
            name: value if name in layers else self._rows.given(name, value, rows)
            for name, value in values.items()
        }
