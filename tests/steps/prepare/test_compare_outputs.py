import numpy as np
import pytest

from inc_mlflow.steps.prepare.compare_outputs import (
    TOLERANCE,
    compare_outputs,
    nan_output,
    nudged,
    own_noise,
    relative_difference,
    tolerance_of,
)


def compared(before, after, tolerance=TOLERANCE, noise=None):
    return compare_outputs([{"y": np.asarray(before)}], [{"y": np.asarray(after)}], tolerance, noise or {})


@pytest.mark.parametrize("size", [1e-30, 1e-3, 1.0, 1e6])
def test_a_difference_is_relative_to_the_output(size):
    values = np.array([1.0, -0.5, 0.25]) * size
    assert compared(values, values + 5e-4 * size).fault is None
    assert "differs by 0.002 of its largest value" in compared(values, values + 2e-3 * size).fault


def test_a_wrong_output_beside_a_large_one_is_seen():
    before = [{"boxes": np.array([1000.0]), "scores": np.array([0.5])}]
    after = [{"boxes": np.array([1000.0]), "scores": np.array([0.25])}]
    assert (
        compare_outputs(before, after, TOLERANCE).fault
        == "output 'scores' differs by 0.5 of its largest value"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_stand_at_equal_places(value):
    assert compared([1.0, value], [1.0, value]).fault is None
    assert "other places" in compared([1.0, value], [value, 1.0]).fault
    assert "other places" in compared([1.0, 2.0], [1.0, value]).fault
    assert "other places" in compared([1.0, value], [1.0, 2.0]).fault


def test_infinities_of_another_sign_are_a_fault():
    assert compared([np.inf, 1.0], [-np.inf, 1.0]).fault


def test_shapes_that_broadcast_are_a_fault():
    assert "shape (1, 2), not (2,)" in compared([1.0, 1.0], [[1.0, 1.0]]).fault


def test_types_are_equal():
    assert "type float64" in compared(np.ones(2, "f4"), np.ones(2)).fault


def test_a_missing_output_is_a_fault():
    assert compare_outputs([{"y": np.ones(1)}], [{}], TOLERANCE).fault == "output 'y' is missing"


def test_an_output_that_is_zero_stays_zero():
    assert compared(np.zeros(2), np.zeros(2)).fault is None
    assert "where it is 0" in compared(np.zeros(2), np.full(2, 1e-9)).fault


def test_the_scale_is_that_of_all_rows():
    before = [{"y": np.array([1.0])}, {"y": np.array([0.0])}]
    after = [{"y": np.array([1.0])}, {"y": np.array([5e-4])}]
    assert compare_outputs(before, after, TOLERANCE).fault is None


@pytest.mark.parametrize(
    "dtype",
    [pytest.param("i8", id="integers"), pytest.param("?", id="booleans"), pytest.param("O", id="texts")],
)
def test_of_other_values_one_in_a_hundred_may_differ(dtype):
    values = np.zeros(200, dtype)
    for flips, right in ((2, True), (3, False)):
        other = values.copy()
        other[:flips] = 1
        assert (compared(values, other).fault is None) is right


def test_an_output_without_values_or_axes_is_compared():
    assert compared(np.zeros((0, 3)), np.zeros((0, 3))).fault is None
    assert compared(np.float32(1), np.float32(2)).fault


def test_the_source_s_own_noise_is_allowed():
    exact, noisy, other = [{"y": np.array([v])} for v in (1e-7, 2e-7, 3e-7)]
    noise = own_noise([exact], [noisy])
    assert noise["y"] == pytest.approx(1e-7)
    assert compare_outputs([exact], [other], TOLERANCE).fault
    assert compare_outputs([exact], [other], TOLERANCE, noise).fault is None
    assert compare_outputs([exact], [{"y": np.array([1.0])}], TOLERANCE, noise).fault


def test_an_output_of_random_shape_is_left_out():
    noise = own_noise([{"y": np.ones(2)}], [{"y": np.ones(3)}])
    assert compared(np.ones(2), np.ones(4), noise=noise).fault is None


def test_sixteen_bits_round_more_coarsely():
    assert tolerance_of("float32") == tolerance_of("float64") == TOLERANCE
    assert TOLERANCE < tolerance_of("float16") < tolerance_of("bfloat16") < 0.3


def test_a_nudge_changes_floats_by_one_rounding():
    row = {"x": np.array([1.0, 3e38], "f4"), "ids": np.array([3])}
    (found,) = nudged([row], "float32")
    assert found["x"][0] == np.nextafter(np.float32(1), np.float32(2))
    assert found["x"].dtype == np.float32
    assert found["ids"] is row["ids"]


def test_nan_is_found_by_name():
    assert nan_output([{"a": np.ones(2), "b": np.array([1, np.nan])}]) == "b"
    assert nan_output([{"a": np.array(["text"], object), "b": np.ones(1)}]) is None


def test_the_absolute_difference_is_of_floats_alone():
    before = [{"scores": np.array([1.0, 2.0]), "labels": np.array([0, 1])}]
    after = [{"scores": np.array([1.0, 2.25]), "labels": np.array([9, 9])}]
    assert compare_outputs(before, after, TOLERANCE).absolute == 0.25


def test_the_largest_relative_difference_of_all_outputs():
    before = [{"a": np.array([10.0, 0.0]), "b": np.array([1, 2, 3, 4])}]
    nearer = [{"a": np.array([10.0, 1.0]), "b": np.array([1, 2, 3, 9])}]
    assert relative_difference(before, nearer) == pytest.approx(0.25)
    assert relative_difference(before, [nearer[0] | {"b": before[0]["b"]}]) == pytest.approx(0.1)
    assert relative_difference(before, before) == 0
    assert relative_difference(before, [before[0] | {"a": np.zeros(3)}]) is None
