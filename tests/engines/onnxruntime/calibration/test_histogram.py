"""Histograms count exactly, grow and merge without loss, and are the same with and without the compiled
code."""

import math
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from inc_mlflow.engines.onnxruntime.calibration import counting
from inc_mlflow.engines.onnxruntime.calibration.histogram import BINS, HALF_BINS, Histogram, exponent_of

compiled = pytest.importorskip(
    "inc_mlflow.engines.onnxruntime.calibration._counting", reason="the compiled histogram is not installed"
)
steady = settings(derandomize=True, deadline=None, database=None, max_examples=50)
FLOATS = st.floats(allow_nan=False, allow_infinity=False, width=32)
CLOSE = st.floats(-8, 8, width=32)
VALUES = arrays(np.float32, st.integers(0, 60), elements=FLOATS | CLOSE)


def histogram_of(values) -> Histogram:
    histogram = Histogram.empty()
    if values.size:
        histogram.add(values, float(np.abs(values).max()))
    return histogram


def in_python(values) -> Histogram:
    """Count one by one, in float64, on the range of all values."""
    exponent = exponent_of(max((abs(float(value)) for value in values), default=0.0))
    counts = np.zeros(BINS, np.int64)
    for value in map(float, values):
        distance = math.floor(math.ldexp(abs(value), -exponent) * HALF_BINS)
        counts[HALF_BINS + distance if value >= 0 else HALF_BINS - 1 - distance] += 1
    return Histogram(exponent, counts)


@steady
@given(VALUES)
def test_every_value_is_counted_where_it_belongs(values):
    assert histogram_of(values) == in_python(values)


def test_counts_are_those_of_numpys_own_histogram():
    values = np.random.default_rng(0).normal(size=100_000).astype("f4")
    histogram = histogram_of(values)
    above, below = values[values >= 0], -values[values < 0]
    expected = [
        np.histogram(side.astype("f8"), HALF_BINS, (0, 2.0**histogram.exponent))[0] for side in (below, above)
    ]
    np.testing.assert_array_equal(histogram.counts, np.concatenate([expected[0][::-1], expected[1]]))


@steady
@given(VALUES, st.data())
def test_any_split_gives_the_same_bytes_in_any_order(values, data):
    borders = sorted(data.draw(st.lists(st.integers(0, values.size), max_size=4)))
    parts = [histogram_of(part) for part in np.split(values, borders)]
    merged = Histogram.empty()
    for part in data.draw(st.permutations(parts)):
        merged = part.merge(merged)
    streamed = Histogram.empty()
    for part in np.split(values, borders):
        streamed.add(part, float(np.abs(part).max(initial=0.0)))
    assert merged.to_text() == streamed.to_text() == histogram_of(values).to_text()
    assert merged == streamed


@steady
@given(arrays(np.float32, st.sampled_from([0, 1, 255, 257, 20_001, 150_001]), elements=CLOSE, fill=FLOATS))
def test_compiled_and_numpy_count_the_same_bit_for_bit(values):
    scale = math.ldexp(HALF_BINS, -exponent_of(float(np.abs(values).max(initial=0.0))))
    fast, slow = (np.zeros(BINS, np.int64) for _ in range(2))
    compiled.add(values, scale, fast)
    counting.add_with_numpy(values, scale, slow)
    np.testing.assert_array_equal(fast, slow)
    assert fast.sum() == values.size


@pytest.mark.parametrize("count", [compiled.add, counting.add_with_numpy])
def test_a_sign_that_scaling_loses_decides_the_side(count):
    values, counts = np.array([-1e-45, 1e-45, -0.0], np.float32), np.zeros(BINS, np.int64)
    count(values, 2.0**-80, counts)
    assert list(counts[[HALF_BINS - 1, HALF_BINS]]) == [1, 2]


def test_many_values_in_one_bin_do_not_overflow():
    histogram = histogram_of(np.zeros(1_000_001, np.float32))
    assert histogram.counts[HALF_BINS] == 1_000_001


@pytest.mark.parametrize("shape", [(0,), (3, 0, 4), (2, 3, 5)])
def test_shapes_do_not_matter(shape):
    assert histogram_of(np.ones(shape, np.float32)).counts.sum() == np.prod(shape)


def test_what_is_not_contiguous_or_not_float32_is_counted_too():
    values = np.random.default_rng(0).normal(size=(40, 30))
    half = values.astype("f2")
    assert histogram_of(half.T[::2]) == histogram_of(np.ascontiguousarray(half.T[::2], "f4"))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_the_compiled_code_writes_nowhere_else_whatever_comes(value):
    room = np.zeros(3 * BINS, np.int64)
    compiled.add(np.full(20_000, value, np.float32), 1.0, room[BINS : 2 * BINS])
    assert room.sum() == room[[BINS, 2 * BINS - 1]].sum() == 20_000


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        (np.zeros(4), np.zeros(BINS, np.int64)),
        (np.zeros(4, np.int32), np.zeros(BINS, np.int64)),
        (np.zeros(4, np.float32), np.zeros(BINS, np.int32)[:3]),
        (np.zeros(4, np.float32), np.zeros(0, np.int64)),
    ],
)
def test_the_compiled_code_refuses_other_types(values, counts):
    with pytest.raises(TypeError, match="values are float32, counts an even number of int64"):
        compiled.add(values, 1.0, counts)


def test_counts_that_cannot_be_written_are_refused():
    counts = np.zeros(BINS, np.int64)
    counts.flags.writeable = False
    with pytest.raises(ValueError, match=r"read-only|not writable"):
        compiled.add(np.zeros(4, np.float32), 1.0, counts)


def test_threads_count_at_the_same_time():
    values = [np.random.default_rng(seed).normal(size=200_000).astype("f4") for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(histogram_of, values)) == [histogram_of(one) for one in values]


def test_without_the_compiled_code_numpy_counts_and_says_so_once(monkeypatch, capsys):
    values = np.random.default_rng(0).normal(size=1000).astype("f4")
    expected = histogram_of(values)
    monkeypatch.setitem(sys.modules, "inc_mlflow.engines.onnxruntime.calibration._counting", None)
    counting.counter.cache_clear()
    try:
        assert histogram_of(values) == histogram_of(values) == expected
    finally:
        counting.counter.cache_clear()
    (line,) = capsys.readouterr().err.splitlines()
    assert "a third slower" in line
    assert "install a C compiler" in line


@steady
@given(VALUES)
def test_text_is_read_as_it_was_written(values):
    histogram = histogram_of(values)
    low, high = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    assert Histogram.from_text(histogram.to_text(), low, high) == histogram


def test_text_of_real_sizes_is_short():
    assert len(histogram_of(np.random.default_rng(0).normal(size=1_000_000).astype("f4")).to_text()) < 20_000


def shifted(histogram):
    return Histogram(histogram.exponent, np.roll(histogram.counts, 1))


def negative(histogram):
    return Histogram(histogram.exponent, -histogram.counts)


def shorter(histogram):
    return Histogram(histogram.exponent, histogram.counts[:-1])


def longer(histogram):
    return Histogram(histogram.exponent, np.append(histogram.counts, 0))


@pytest.mark.parametrize("damage", [shifted, negative, shorter, longer])
def test_counts_that_do_not_fit_the_range_are_refused(damage):
    histogram = histogram_of(np.array([-1, 0, 3], np.float32))
    with pytest.raises(ValueError, match="counts"):
        Histogram.from_text(damage(histogram).to_text(), -1.0, 3.0)


@pytest.mark.parametrize(
    "change", [lambda text: text[:-8], lambda text: "#" + text, lambda text: "AAAA" + text, lambda text: ""]
)
def test_damaged_text_is_refused(change):
    text = histogram_of(np.array([-1, 0, 3], np.float32)).to_text()
    with pytest.raises(ValueError, match=r"counts|base64|padding"):
        Histogram.from_text(change(text), -1.0, 3.0)
