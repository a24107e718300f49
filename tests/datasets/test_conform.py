"""Rows become inputs of a model: cast only where nothing is lost, of the right shape, and finite."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.datasets.conform import conform
from inc_mlflow.errors import DataError
from inc_mlflow.records import TensorSpec


def fit(values, dtype, shape=(None,), given=None):
    spec = TensorSpec(name="x", dtype=dtype, shape=shape)
    return conform({"x": np.array(values, given)}, (spec,), "data.tuning")["x"]


@pytest.mark.parametrize(
    ("values", "given", "dtype"),
    [
        ([1, -2], "int64", "int32"),
        ([1.0, 2.0], "float64", "int64"),
        ([0.5, 1.5], "float64", "float32"),
        ([True, False], "bool", "float32"),
        ([0, 1], "int64", "bool"),
        ([2**24], "int64", "float32"),
        ([1.5], ">f4", "float32"),
    ],
)
def test_values_are_cast_to_the_models_type_where_nothing_is_lost(values, given, dtype):
    cast = fit(values, dtype, given=given)
    assert cast.dtype == np.dtype(dtype)
    assert cast.tolist() == values


@pytest.mark.parametrize(
    ("values", "given", "dtype"),
    [
        ([2**31], "int64", "int32"),
        ([-1], "int64", "uint8"),
        ([0.1], "float64", "float32"),
        ([0.5], "float32", "int64"),
        ([2**24 + 1], "int64", "float32"),
        ([1e6], "float32", "float16"),
        ([2], "int64", "bool"),
        ([np.inf], "float32", "int64"),
        ([2**63 - 1], "int64", "float64"),
    ],
)
def test_a_cast_that_would_lose_values_is_refused(values, given, dtype):
    with pytest.raises(DataError) as raised:
        fit(values, dtype, given=given)
    assert (
        str(raised.value)
        == f"data.tuning: input 'x' is {given} and would lose values as {dtype}; store it as {dtype}"
    )


WRAPPED = [
    ([np.nan], "float32", "int64"),
    ([-1], "int8", "uint8"),
    ([200], "uint8", "int8"),
    ([-1], "int64", "uint64"),
]


@pytest.mark.parametrize(("values", "given", "dtype"), WRAPPED)
def test_a_cast_that_would_turn_a_sign_or_nan_into_a_number_is_refused(values, given, dtype):
    with np.errstate(all="ignore"), pytest.raises(DataError):
        fit(values, dtype, given=given)


@given(
    st.lists(st.integers(-(2**15), 2**15 - 1), min_size=1),
    st.sampled_from(["int32", "int64", "float32", "float64"]),
)
def test_small_integers_survive_every_wider_type(values, dtype):
    assert fit(values, dtype, given="int16").tolist() == values


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("given", ["float32", "float64"])
def test_nan_and_infinity_are_refused(value, given):
    with pytest.raises(DataError, match=r"^data\.tuning: input 'x' has NaN or infinity; clean the data$"):
        fit([1.0, value], "float32", given=given)


@pytest.mark.parametrize(
    ("values", "shape", "message"),
    [
        ([[[1.0]]], (None,), "has rank 3, (1, 1, 1); the model takes (any)"),
        (
            [[1.0]],
            (None,),
            "has rank 2, (1, 1); the model takes (any), the first axis being rows; data: {axes: …} says where "
            "the model has its rows, if elsewhere",
        ),
        ([1.0], (None, 3), "has rank 1, (1,); the model takes (any, 3)"),
        ([[1.0, 2.0]], ("batch", 3), "has shape (1, 2); the model takes (batch, 3)"),
    ],
)
def test_another_rank_or_size_is_refused(values, shape, message):
    with pytest.raises(DataError) as raised:
        fit(values, "float64", shape)
    assert str(raised.value) == f"data.tuning: input 'x' {message}"


@pytest.mark.parametrize("shape", [None, (None, None), (1, 2), ("n", "m"), (9, 2)])
def test_free_axes_and_any_number_of_rows_fit(shape):
    assert fit([[1.0, 2.0]], "float64", shape).shape == (1, 2)


def test_rows_with_other_inputs_than_the_models_are_refused():
    with pytest.raises(DataError, match=r"^x: rows have the inputs y; the model takes x$"):
        conform({"y": np.zeros(1)}, (TensorSpec(name="x", dtype="float64", shape=None),), "x")
