"""Torch may differ from a candidate's file by little, or by a small part of what rounding itself does."""

import numpy as np
import pytest

pytest.importorskip("torch")
from inc_mlflow.errors import ModelError
from inc_mlflow.training.qat.agreement import check_agreement

EXACT = np.linspace(1, 2, 50, dtype="f4")


def checked(torch, rounding, kernels=0.0):
    """Compare outputs that are off by shares: the file from the baseline, torch and kernels from the file."""
    file = EXACT * (1 + rounding)
    batches = [[{"out": one}] for one in (file * (1 + torch), file, file * (1 + kernels), EXACT)]
    return check_agreement(*batches)


@pytest.mark.parametrize(("torch", "rounding"), [(0.004, 0.0), (0.006, 0.07), (0.019, 0.3)])
def test_a_small_difference_is_allowed_and_told(torch, rounding):
    assert checked(torch, rounding) == pytest.approx(torch, rel=1e-2)


@pytest.mark.parametrize(("torch", "rounding"), [(0.006, 0.0), (0.006, 0.05), (0.021, 0.9), (np.nan, 0.9)])
def test_a_larger_one_is_refused(torch, rounding):
    with pytest.raises(ModelError, match="torch's output 'out' is off by"):
        checked(torch, rounding)


def test_where_the_engines_own_kernels_are_far_off_half_of_that_is_no_fault():
    assert checked(0.09, rounding=0.9, kernels=0.2) == pytest.approx(0.09, rel=1e-2)
    with pytest.raises(ModelError, match="off by"):
        checked(0.11, rounding=0.9, kernels=0.2)


def test_kernels_that_are_off_by_more_than_rounding_itself_as_saturated_ones_allow_no_more():
    with pytest.raises(ModelError, match="off by"):
        checked(0.06, rounding=0.1, kernels=5.0)
