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


def check_agreement(torch: Sequence[Arrays], file: Sequence[Arrays], baseline: Sequence[Arrays]) -> float:
    """Return the largest difference of any float output; raise ModelError where it is too large.

    Each has the outputs of the same batches: of the network in torch, of its file, and of the baseline.
    """
    largest = 0.0
    for name in file[0]:
        true = np.concatenate([one[name].ravel() for one in file])
        if true.dtype.kind != "f":
            continue
        found = np.concatenate([one[name].ravel() for one in torch])
        difference = _relative(true.astype(np.float64), found.astype(np.float64))
        exact = np.concatenate([one[name].ravel() for one in baseline])
        rounding = _relative(true.astype(np.float64), exact.astype(np.float64))
        if not difference <= max(LARGEST_DIFFERENCE, min(_SHARE * rounding, _MOST)):
            raise ModelError(
                f"training: torch's output {name!r} is off by {percent(difference)} of the file's; "
                "this graph cannot be trained"
            )
        largest = max(largest, difference)
    return largest


def _relative(true: np.ndarray, found: np.ndarray) -> float:
    if true.shape != found.shape:
        return float("inf")
    error, size = (float(np.sqrt(np.mean(np.square(one)))) for one in (true - found, true))
    return error / size if size else error
