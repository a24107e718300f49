import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.formatting import decimal, percent, points, rounded_up, size, times


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0123, "1.23 %"),
        (0.01, "1 %"),
        (0.1, "10 %"),
        (1, "100 %"),
        (0, "0 %"),
        (-0.000001, "0 %"),
        (-0.0107, "-1.07 %"),
        (0.00004, "0 %"),
        (0.00005000001, "0.01 %"),
    ],
)
def test_percent(share, text):
    assert percent(share) == text


@given(st.floats(-1, 1))
def test_percent_is_right_to_two_decimals(share):
    assert float(percent(share).removesuffix(" %")) == pytest.approx(share * 100, abs=0.00501)


@pytest.mark.parametrize(
    ("ratio", "text"), [(1.657, "1.66x"), (1, "1.00x"), (0.004, "0.00x"), (123.456, "123.46x")]
)
def test_times(ratio, text):
    assert times(ratio) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (999, "999"), (17000, "17,000"), (1234567, "1,234,567")]
)
def test_decimal(number, text):
    assert decimal(number) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (397980, "398 kB"),
        (1234567, "1.23 MB"),
        (2_500_000_000, "2.5 GB"),
    ],
)
def test_size(count, text):
    assert size(count) == text


@pytest.mark.parametrize(("count", "text"), [(999_999, "1 MB"), (1_234_000_000_000, "1234 GB")])
def test_size_at_the_edge_of_a_unit(count, text):
    assert size(count) == text


@pytest.mark.parametrize(
    ("number", "text"), [(0.012345, "0.0123"), (0, "0"), (-0.0004, "-0.0004"), (12, "12")]
)
def test_points(number, text):
    assert points(number) == text


@pytest.mark.parametrize(
    ("number", "whole"), [(0.3, 1), (9.2, 10), (99.5, 100), (16_432.1, 17_000), (17_000, 17_000)]
)
def test_estimates_are_rounded_up_to_two_digits(number, whole):
    assert rounded_up(number) == whole
