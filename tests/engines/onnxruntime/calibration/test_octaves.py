"""Masks are told apart from long tails by the powers of two that values reach."""

from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.engines.onnxruntime.calibration.octaves import hides_the_rest, octaves_of
from inc_mlflow.engines.onnxruntime.calibration.ranges import MinMax, Ranges

SCORES = np.random.default_rng(0).normal(0, 2, 4096).astype("f4")


def unusable(*batches: np.ndarray) -> bool:
    merged = MinMax.of("x", batches[0])
    for batch in batches[1:]:
        merged = merged.merge(MinMax.of("x", batch))
    if not merged.bounded:
        return True
    return "x" in Ranges("sha", 1, {"x": merged}).unusable


def masked(value: float, share: float) -> np.ndarray:
    hidden = np.random.default_rng(1).random(SCORES.size) < share
    return np.where(hidden, SCORES + np.float32(value), SCORES)


@pytest.mark.parametrize("value", [-1000.0, -1e4, 1e4, -1e9, float(np.finfo("f4").min), -np.inf])
@pytest.mark.parametrize("share", [0.001, 0.3, 0.99])
def test_a_mask_hides_the_scores_however_many_it_is_added_to(value, share):
    assert unusable(masked(value, share))


def test_two_masks_added_to_each_other_hide_them_too():
    assert unusable(np.concatenate([masked(-1e4, 0.3), masked(-2e4, 0.3)]))


def test_a_mask_in_one_batch_of_many_is_seen_in_any_order():
    batches = [SCORES, masked(-1e4, 0.2), SCORES * 2]
    assert unusable(*batches)
    assert unusable(*batches[::-1])


@pytest.mark.parametrize(
    "values",
    [
        SCORES,
        SCORES * 1000,
        np.random.default_rng(2).standard_cauchy(100_000).astype("f4"),
        SCORES * np.linspace(1, 300, SCORES.size, dtype="f4"),
        np.array([0, -1e4], "f4"),
        np.array([1e-30, 1e-3, 100, 900], "f4"),
        np.zeros(0, "f4"),
    ],
    ids=["normal", "large", "long tail", "outlier channels", "the mask itself", "tiny values", "empty"],
)
def test_what_fills_its_octaves_is_no_mask(values):
    assert not unusable(values)


def test_octaves_are_floors_of_logarithms():
    values = np.array([0, 1, 1.99, -2, 0.5, 1e-40, 512, -1023.9, 2048, 5], "f4")
    assert octaves_of(values, 2048.0) == {11, 9, 2}
    assert octaves_of(values, 512.0) == {9, 2}
    assert octaves_of(values, np.inf) == octaves_of(values, 511.0) == octaves_of(values, 0.0) == frozenset()


def test_half_precision_is_counted_as_float32():
    assert octaves_of(np.array([1, 1024], "f2"), 1024.0) == {0, 10}


@given(st.lists(st.lists(st.integers(-10, 20), min_size=1, max_size=5), min_size=1, max_size=4))
def test_parts_have_the_octaves_of_the_whole(batches):
    parts = [np.ldexp(1.5, batch).astype("f4") for batch in batches]
    merged = reduce(MinMax.merge, (MinMax.of("x", part) for part in parts))
    assert merged == MinMax.of("x", np.concatenate(parts))


@pytest.mark.parametrize(
    ("octaves", "expected"), [((13, 7), True), ((13, 8), False), ((13, 10, 3), False), ((13, 11, 5), True)]
)
def test_the_gap_is_six_octaves_below_three(octaves, expected):
    assert hides_the_rest(frozenset(octaves)) is expected


def test_octaves_survive_the_file(tmp_path):
    ranges = Ranges("sha", 1, {"x": MinMax.of("x", masked(-1e4, 0.2))})
    ranges.save(tmp_path / "ranges.json")
    assert Ranges.load(tmp_path / "ranges.json") == ranges
    assert Ranges.load(tmp_path / "ranges.json").unusable == {"x"}
