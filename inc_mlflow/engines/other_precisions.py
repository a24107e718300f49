"""Recipes that a search may try beside INT8, as bf16."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from inc_mlflow.spec import Recipe


@runtime_checkable
class OtherPrecisions(Protocol):
    """A search space with recipes whose candidates are no INT8."""

    def other_precisions(self) -> Sequence[Recipe]:
        """Return these recipes; they have no refinements and no protected form."""
        ...
