"""Whether torch computes what a candidate's file says: checked on real rows before training."""

from collections.abc import Sequence

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import ModelError
from inc_mlflow.formatting import percent

LARGEST_DIFFERENCE = 0.005
"""Root mean square of the difference, relative to that of the output.

Both compute the same float operations, sometimes in another order, and then a value half-way between two
integers falls on either side. In a deep graph that adds up, as rounding itself does.
"""
_SHARE, _MOST = 0.1, 0.02
"""Share of the candidate's own distance from the baseline that is no fault, and the most that this allows."""
_OF_KERNELS = 0.5
"""Share of what the engine's own fast kernels are off by that is no fault. They add in yet another order:
where that moves an output far, as in a transformer with few large activations, torch can be no nearer."""


def check_agreement(
    torch: Sequence[Arrays], file: Sequence[Arrays], kernels: Sequence[Arrays], baseline: Sequence[Arrays]
) -> float:
    """Return the largest difference of any float output; raise ModelError where it is too large.

    Each has the outputs of the same batches: of the network in torch, of its file as the format defines it
    and as the engine's fast kernels run it, and of the baseline.
    """
    largest = 0.0
    for name in file[0]:
        true = _joined(file, name)
        if true.dtype.kind != "f":
            continue
        difference, fast, rounding = (
            _relative(true, _joined(one, name)) for one in (torch, kernels, baseline)
        )
        allowed = max(LARGEST_DIFFERENCE, min(_SHARE * rounding, _MOST), _OF_KERNELS * min(fast, rounding))
        if not difference <= allowed:
            raise ModelError(
                f"training: torch's output {name!r} is off by {percent(difference)} of the file's; "
                "this graph cannot be trained"
            )
        largest = max(largest, difference)
    return largest


def _joined(batches: Sequence[Arrays], name: str) -> np.ndarray:
    return np.concatenate([one[name].ravel() for one in batches])


def _relative(true: np.ndarray, found: np.ndarray) -> float:
    if true.shape != found.shape:
        return float("inf")
    true, found = true.astype(np.float64), found.astype(np.float64)
    error, size = (float(np.sqrt(np.mean(np.square(one)))) for one in (true - found, true))
    return error / size if size else error
