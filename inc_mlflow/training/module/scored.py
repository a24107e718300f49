"""A module in training as a model that can be scored."""

from collections.abc import Sequence

from inc_mlflow.arrays import Arrays
from inc_mlflow.sources.pytorch.source import OpenedModule


class ScoredModule:
    """Plays the role of a loaded model: arrays in, arrays out, in eval mode."""

    model = "the module in training"

    def __init__(self, opened: OpenedModule, outputs: Sequence[str]) -> None:
        self._opened, self.outputs = opened, outputs

    def __call__(self, inputs: Arrays) -> Arrays:
        """Return the outputs of one batch."""
        self._opened.module.eval()
        return self._opened.run(inputs)
