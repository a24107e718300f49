"""Texts that a model gave, one per row."""

import numpy as np

from inc_mlflow.errors import DataError

BROKEN = "\ufffd"
"""Text of a row whose outputs were NaN: an empty one could be right, where there is nothing to answer."""


def texts(outputs: np.ndarray) -> list[str]:
    """Return one text per row; DataError for outputs that are none."""
    if outputs.ndim != 1 or outputs.dtype.kind not in "UO":
        raise DataError(
            f"metric: needs one text per row, got {outputs.dtype} of shape {outputs.shape}; "
            "set metric.postprocess, see `inc-mlflow list postprocess`"
        )
    return [str(text) for text in outputs]


def broken(outputs: list[str]) -> np.ndarray:
    """Tell which rows have no answer, (n,)."""
    return np.array([text == BROKEN for text in outputs], bool)
