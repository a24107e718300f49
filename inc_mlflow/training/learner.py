"""The role of what is trained: its tensors, the loss of some rows, and what else happens around a step."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor


class Learner:
    """What a ``Trainer`` moves; all but the loss does nothing by default.

    Steps are counted from 0. They are None in a trial of a learning rate, which leaves no trace.
    """

    repairs = False
    """Whether a trial begins with a damaged model: the rate that repairs most is best then."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self.tensors = list(tensors)

    def buffers(self) -> Sequence[Tensor]:
        """Return the floats that a loss changes beside the tensors, as running means."""
        return ()

    def loss(self, positions: np.ndarray) -> Tensor:
        """Return the loss of the training rows at ``positions``."""
        raise NotImplementedError

    def begin_trial(self) -> None:
        """Bring the tensors to where a trial of a learning rate begins."""

    def begin_step(self, step: int | None) -> None:
        """Get ready for a step."""

    def before_update(self, step: int | None) -> None:
        """Read or change the gradients of a step."""

    def after_update(self, step: int | None) -> None:
        """Change the tensors behind a step."""

    def state(self) -> dict[str, Any]:
        """Return what a checkpoint has to hold beside the tensors: plain values and copies of tensors."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on from what ``state`` returned."""
