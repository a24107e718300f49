"""Torch may differ from a candidate's file by little, or by a small part of what rounding itself does."""

import numpy as np
import pytest

pytest.importorskip("torch")
from inc_mlflow.errors import ModelError
from inc_mlflow.training.qat.agreement import check_agreement

EXACT = np.linspace(1, 2, 50, dtype="f4")


def checked(torch, rounding):
    """Compare outputs that are off by shares: the file from the baseline, and torch from the file."""
    file = EXACT * (1 + rounding)
    batches = [[{"out": one}] for one in (file * (1 + torch), file, EXACT)]
    return check_agreement(*batches)


@pytest.mark.parametrize(("torch", "rounding"), [(0.004, 0.0), (0.006, 0.07), (0.019, 0.3)])
def test_a_small_difference_is_allowed_and_told(torch, rounding):
    assert checked(torch, rounding) == pytest.approx(torch, rel=1e-2)


@pytest.mark.parametrize(("torch", "rounding"), [(0.006, 0.0), (0.006, 0.05), (0.021, 0.9), (np.nan, 0.9)])
def test_a_larger_one_is_refused(torch, rounding):
    with pytest.raises(ModelError, match="torch's output 'out' is off by"):
        checked(torch, rounding)
