"""The role of an engine whose models are several graphs: what steps ask about the parts of a model."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from inc_mlflow.arrays import Arrays

if TYPE_CHECKING:
    from inc_mlflow.engines.engine import Engine
    from inc_mlflow.engines.row_axes import RowAxes


class Parts(Protocol):
    """Takes a model apart, and puts one together; a part is a model of the engine ``inner``."""

    @property
    def inner(self) -> "Engine":
        """What runs and compresses each part."""
        ...

    def check(self, source: Path) -> None:
        """Raise ModelError where what runs the parts cannot be loaded; no part is read."""
        ...

    def of(self, model: Path) -> Mapping[str, Path]:
        """Return the parts of a source, baseline or candidate by name; raise ModelError where it is none."""
        ...

    def calls(self, model: Path, rows: Iterable[Arrays], most: int) -> Mapping[str, list[Arrays]]:
        """Run rows, and return at most ``most`` of the calls of each part, evenly spread.

        Raises ModelError where the model does not run.
        """
        ...

    def axes(self, part: Path) -> "RowAxes":
        """Return the axes of rows by which a part is called: its arrays are as it declares them."""
        ...

    def place(self, folder: Path, part: str) -> Path:
        """Return the folder of a part, in the model that a step's ``folder`` holds."""
        ...

    def put_together(self, source: Path, folder: Path) -> None:
        """Make a model of the parts in their places, with all else of the source."""
        ...

    def named(self, recipe: Any) -> frozenset[str]:
        """Return the parts that a recipe is to compress."""
        ...
