"""Ranges merge in any order to the same file."""

import json
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from inc_mlflow.engines.onnxruntime.calibration.histogram import Histogram
from inc_mlflow.engines.onnxruntime.calibration.ranges import FORMAT, MinMax, Ranges
from inc_mlflow.errors import ModelError, StateError

NAMES = ("a", "ä/b", "z")
FLOATS = st.floats(-(2.0**100), 2.0**100, width=32).map(
    lambda number: number + 0.0
)  # without -0.0, see below
MINMAX = st.tuples(FLOATS, FLOATS).map(lambda pair: MinMax(*sorted(pair)))
RANGES = st.builds(
    Ranges, st.just("sha"), st.integers(1, 1000), st.fixed_dictionaries(dict.fromkeys(NAMES, MINMAX))
)
ARRAYS = st.fixed_dictionaries(dict.fromkeys(NAMES, arrays(np.float32, st.integers(0, 30), elements=FLOATS)))
GOOD = {"format": FORMAT, "model_sha256": "sha", "rows": 3, "minmax": {"a": [0.0, 1.0]}, "histograms": {}}


def with_histograms(batch):
    """Return the ranges of one batch of tensors, histograms too."""
    ranges = Ranges("sha", 1, {name: MinMax.of(name, values) for name, values in batch.items()})
    for name, values in batch.items():
        ranges.histograms[name] = Histogram.empty()
        ranges.histograms[name].add(values, float(np.abs(values).max(initial=0.0)))
    return ranges


@given(RANGES, RANGES, RANGES)
def test_shards_merge_in_any_order_and_grouping(one, two, three):
    assert one.merge(two) == two.merge(one)
    assert one.merge(two).merge(three) == one.merge(two.merge(three))


@given(arrays(np.float32, array_shapes(), elements=FLOATS), st.data())
def test_parts_of_a_tensor_have_the_range_of_the_whole(values, data):
    flat = values.ravel()
    cut = data.draw(st.integers(0, flat.size))
    parts = [MinMax.of("t", part) for part in (flat[:cut], flat[cut:]) if part.size]
    whole = MinMax.of("t", values)
    assert parts[0].merge(parts[-1]) == whole
    assert whole.range() == (values.min(), values.max())


@given(RANGES, RANGES)
def test_saved_ranges_load_as_they_were_and_save_to_the_same_bytes(tmp_path_factory, one, two):
    folder = tmp_path_factory.mktemp("ranges")
    merged = one.merge(two)
    merged.save(folder / "a.json")
    loaded = Ranges.load(folder / "a.json")
    loaded.save(folder / "b.json")
    two.merge(one).save(folder / "c.json")
    assert loaded == merged
    assert (
        (folder / "a.json").read_bytes()
        == (folder / "b.json").read_bytes()
        == (folder / "c.json").read_bytes()
    )


@pytest.mark.parametrize(
    "other", [Ranges("another", 1, {"a": MinMax(0, 1)}), Ranges("sha", 1, {"b": MinMax(0, 1)})]
)
def test_shards_of_different_models_do_not_merge(other):
    with pytest.raises(
        ModelError,
        match=r"^ranges: the shards belong to different models; calibrate all of them on the same one$",
    ):
        Ranges("sha", 1, {"a": MinMax(0, 1)}).merge(other)


def test_activations_that_are_not_numbers_are_refused():
    with pytest.raises(ModelError, match="tensor 'conv_1' is not a number on calibration data"):
        MinMax.of("conv_1", np.array([0, np.nan, 1], np.float32))


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_a_tensor_that_reaches_infinity_is_not_bounded(value):
    assert not MinMax.of("mask", np.array([0, value, 1], np.float32)).bounded
    assert MinMax.of("mask", np.array([0, 1], np.float32)).bounded


def test_a_tensor_that_reaches_infinity_in_one_shard_has_no_range_in_the_whole(tmp_path):
    one = Ranges("sha", 1, {"a": MinMax(0, 1), "mask": MinMax(-3, 0)})
    other = Ranges("sha", 2, {"a": MinMax(-1, 0)}, unbounded=frozenset({"mask"}))
    whole = one.merge(other)
    assert whole == other.merge(one) == Ranges("sha", 3, {"a": MinMax(-1, 1)}, unbounded=frozenset({"mask"}))
    whole.save(tmp_path / "ranges.json")
    assert Ranges.load(tmp_path / "ranges.json") == whole


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'"text"',
        b"3",
        b"\xff\xfe\x00",
        json.dumps(GOOD | {"minmax": {"a": [1]}}).encode(),
        b'{"format": 3}',
    ],
)
def test_a_file_that_is_something_else_is_refused(tmp_path, content):
    path = tmp_path / "ranges.json"
    path.write_bytes(content)
    with pytest.raises(StateError) as raised:
        Ranges.load(path)
    assert str(raised.value) == f"{path}: not a ranges file; make one with `inc-mlflow calibrate`"


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(StateError, match="not a ranges file"):
        Ranges.load(tmp_path / "ranges.json")


def test_another_format_is_named(tmp_path):
    path = tmp_path / "ranges.json"
    path.write_text(json.dumps(GOOD | {"format": 2}))
    with pytest.raises(StateError, match=r"ranges of format 2; this version reads 3, calibrate again$"):
        Ranges.load(path)


@pytest.mark.parametrize(
    "change",
    [
        {"minmax": []},
        {"minmax": {"a": ["x", "y"]}},
        {"minmax": {"a": [float("nan"), 1.0]}},
        {"minmax": {"a": [1.0, 0.0]}},
        {"minmax": {"a": [0.0, 1e300]}},
        {"rows": "3"},
        {"histograms": None},
        {"histograms": {"b": ""}},
        {"histograms": {"a": ""}},
        {"histograms": {"a": 3}},
    ],
)
def test_a_file_with_the_right_names_and_the_wrong_values_is_refused(tmp_path, change):
    path = tmp_path / "ranges.json"
    path.write_text(json.dumps(GOOD | change))
    with pytest.raises(StateError):
        Ranges.load(path)


def test_the_sign_of_zero_does_not_make_another_file(tmp_path):
    shards = [
        Ranges("sha", 1, {"a": MinMax.of("a", np.array([zero, 1], np.float32))}) for zero in (0.0, -0.0)
    ]
    shards[0].merge(shards[1]).save(tmp_path / "a.json")
    shards[1].merge(shards[0]).save(tmp_path / "b.json")
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_a_tensor_without_elements_in_one_batch_is_no_crash():
    MinMax.of("boxes", np.zeros((0, 4), np.float32))


@given(st.lists(ARRAYS, min_size=1, max_size=5), st.data())
def test_shards_with_histograms_merge_to_the_same_bytes_in_any_order(tmp_path_factory, batches, data):
    folder = tmp_path_factory.mktemp("ranges")
    for name in ("a", "b"):
        shards = [with_histograms(batch) for batch in data.draw(st.permutations(batches))]
        reduce(Ranges.merge, shards).save(folder / name)
    assert (folder / "a").read_bytes() == (folder / "b").read_bytes()
    Ranges.load(folder / "a").save(folder / "c")
    assert (folder / "a").read_bytes() == (folder / "c").read_bytes()


def test_ranges_for_minmax_only_refuse_the_other_methods():
    ranges = Ranges("sha", 1, {"a": MinMax(-1.0, 2.0)})
    assert ranges.final("minmax") == {"a": (-1.0, 2.0)}
    with pytest.raises(
        ModelError,
        match=r"^ranges: collected for minmax only, 'entropy' needs more; calibrate again with it in ",
    ):
        ranges.final("entropy")


def test_shards_with_and_without_histograms_do_not_merge():
    batch = {"a": np.array([1, 2], np.float32)}
    with pytest.raises(
        ModelError, match="only some of the shards have histograms; calibrate all of them with the same job"
    ):
        with_histograms(batch).merge(Ranges("sha", 1, {"a": MinMax(1.0, 2.0)}))
