"""The role of an engine: what runs and compresses models."""

from collections.abc import Sequence
from typing import Protocol

from inc_mlflow.arrays import Arrays


class LoadedModel(Protocol):
    """A model in memory; may be called from several threads at once."""

    @property
    def model(self) -> object:
        """What errors call it."""
        ...

    @property
    def outputs(self) -> Sequence[str]:
        """Names of the outputs, in the model's order."""
        ...

    def __call__(self, inputs: Arrays) -> Arrays:
        """Return all outputs of one batch; ModelError is the engine's complaint in one line."""
        ...
