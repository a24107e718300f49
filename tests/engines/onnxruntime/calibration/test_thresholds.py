"""Ranges from histograms: those of onnxruntime for percentile and entropy, those of brute force for the
squared error."""

import contextlib
import io
from typing import get_args

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onnxruntime.quantization.calibrate import HistogramCollector

from inc_mlflow.engines.onnxruntime.calibration.entropy import LEVELS, divergences, entropy
from inc_mlflow.engines.onnxruntime.calibration.histogram import Histogram
from inc_mlflow.engines.onnxruntime.calibration.squared_error import STEPS, mse
from inc_mlflow.engines.onnxruntime.calibration.thresholds import finite_range, percentile
from inc_mlflow.engines.onnxruntime.options import CalibrateMethod

METHODS = get_args(CalibrateMethod)
SHAPES = {
    "normal": lambda random, size: random.normal(size=size),
    "relu": lambda random, size: np.maximum(random.normal(size=size), 0),
    "tails": lambda random, size: random.standard_t(3, size=size),
    "gelu": lambda random, size: (lambda x: x / (1 + np.exp(-1.7 * x)))(random.normal(size=size) * 2),
    "negative": lambda random, size: -random.gamma(2, size=size),
    "outlier": lambda random, size: np.append(random.normal(size=size - 1), 40),
}


def sample(shape, size, seed=0):
    values = SHAPES[shape](np.random.default_rng(seed), size).astype("f4")
    return values, histogram_of(values), float(values.min()), float(values.max())


def histogram_of(values):
    histogram = Histogram.empty()
    histogram.add(values, float(np.abs(values).max()))
    return histogram


def of_onnxruntime(values, method, bins, symmetric, share=99.999):
    """Their range and the width of their bins.

    The two ways to count are those that ``create_calibrator`` chooses.
    """
    collector = HistogramCollector(method, symmetric, bins, 128, share, "same")
    with contextlib.redirect_stdout(io.StringIO()):
        collector.collect({"tensor": [values]})
        low, high, *_ = collector.compute_collection_result()["tensor"]
    edges = collector.get_histogram_dict()["tensor"][1]
    return (float(low), float(high)), float(edges[1] - edges[0])


@pytest.mark.parametrize("share", [99.999, 99.9, 99])
@pytest.mark.parametrize(
    "size", [317, 20_011]
)  # no share of them is a whole number, which rounding would decide there
@pytest.mark.parametrize("shape", SHAPES)
def test_percentile_is_that_of_onnxruntime_within_a_bin(shape, size, share):
    values, histogram, low, high = sample(shape, size)
    theirs, width = of_onnxruntime(values, "percentile", 2048, symmetric=True, share=share)
    np.testing.assert_allclose(
        percentile(histogram, low, high, share / 100), theirs, atol=max(width, histogram.width)
    )


@pytest.mark.parametrize("bins", [256, 512])
@pytest.mark.parametrize("size", [300, 20_000])
@pytest.mark.parametrize(
    "shape", sorted(SHAPES.keys() - {"outlier"})
)  # between it and the rest all are equal but for rounding
def test_entropy_is_that_of_onnxruntime_with_as_many_bins(shape, size, bins):
    values, histogram, low, high = sample(shape, size)
    theirs, width = of_onnxruntime(values, "entropy", bins, symmetric=False)
    np.testing.assert_allclose(entropy(histogram, low, high, bins), theirs, atol=max(width, histogram.width))


def divergence(counts, start, end):
    """Of one window, step by step as onnxruntime does, in float64."""
    window = counts[start:end]
    p = window.copy()
    p[0] += counts[:start].sum()
    p[-1] += counts[end:].sum()
    width = window.size // LEVELS
    q = np.zeros(p.size)
    for level in range(LEVELS):
        part = slice(level * width, (level + 1) * width)
        held = window[part.start :].sum() if level == LEVELS - 1 else window[part].sum()
        used = np.count_nonzero(p[part])
        q[part] = held // used if used else 0
    return scipy.stats.entropy(smoothed(p), smoothed(q)) if q.any() else np.inf


def smoothed(counts):
    empty = counts == 0
    return np.where(empty, 0.0001, counts - 0.0001 * empty.sum() / (~empty).sum())


@settings(derandomize=True, deadline=None, database=None, max_examples=30)
@given(arrays(np.int64, 264, elements=st.integers(0, 9), fill=st.just(0)), st.sampled_from([0, 1, 5, 5000]))
def test_divergences_are_those_of_the_definition(counts, most):
    counts[130] += most + 1
    reach = np.arange(LEVELS // 2, counts.size // 2 + 1)
    start, end = counts.size // 2 - reach, np.minimum(counts.size // 2 + reach + 1, counts.size)
    expected = [divergence(counts, *window) for window in zip(start, end, strict=True)]
    np.testing.assert_allclose(divergences(counts, start, end), expected, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("shape", SHAPES)
def test_entropy_with_the_default_of_onnxruntime_is_minmax_there_and_here(shape):
    values, histogram, low, high = sample(shape, 3000)
    assert of_onnxruntime(values, "entropy", 128, symmetric=False)[0] == (low, high)
    assert entropy(histogram, low, high, 128) == (low, high)


def squared_error(values, low, high, weights=1):
    """Error of the uint8 that the quantiser makes of a range."""
    scale = (high - low) / STEPS
    zero = round(-low / scale)
    rounded = np.clip(np.round(values.astype("f8") / scale), -zero, STEPS - zero) * scale
    return float((weights * (rounded - values) ** 2).sum())


@pytest.mark.parametrize("shape", ["relu", "outlier", "negative"])
def test_no_other_range_has_a_smaller_squared_error(shape):
    """Brute force on the values themselves: every pair of thresholds on a grid."""
    values, histogram, low, high = sample(shape, 400)
    lows = np.linspace(0, min(low, 0), 65 if low < 0 else 1)
    highs = np.linspace(0, max(high, 0), 257 if low >= 0 else 65)
    pairs = [(one, other) for one in lows for other in highs if other > one]
    best = min(squared_error(values, *pair) for pair in pairs)
    assert squared_error(values, *mse(histogram, low, high)) <= 1.01 * best


@pytest.mark.parametrize(
    ("shape", "size"), [("relu", 300), ("relu", 3000), ("relu", 50_000), ("negative", 50_000)]
)
def test_the_squared_error_is_smallest_where_brute_force_says(shape, size):
    values, histogram, low, high = sample(shape, size)
    ends = np.arange(1, 513) / 512 * max(-low, high)
    errors = [squared_error(values, *((0.0, end) if high > 0 else (-end, 0.0))) for end in ends]
    ours = max(mse(histogram, low, high), key=abs)  # the other end is zero
    assert abs(ours) == pytest.approx(ends[np.argmin(errors)], abs=ends[0] + histogram.width)


@pytest.mark.parametrize("seed", [3, 4, 5])
def test_a_rare_outlier_is_clipped_when_brute_force_clips_it(seed):
    """Few distinct values make many minima of nearly the same error: the error counts, not the place."""
    values, _, low, high = sample("relu", 3000, seed)
    high *= 3
    values, copies = np.append(values, np.float32(high)), np.append(np.full(values.size, 300), 1)
    histogram = histogram_of(np.repeat(values, copies))
    ends = np.arange(1, 513) / 512 * high
    errors = [squared_error(values, 0.0, end, copies) for end in ends]
    assert ends[np.argmin(errors)] < 0.9 * high
    ours = mse(histogram, low, high)
    assert ours[1] < 0.9 * high
    assert squared_error(values, *ours, copies) <= 1.02 * min(errors)


def test_the_zero_of_the_squared_errors_range_is_on_its_grid():
    _, histogram, low, high = sample("gelu", 5000)
    lowest, highest = mse(histogram, low, high)
    zero = -lowest / (highest - lowest) * STEPS
    assert zero == pytest.approx(round(zero), abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "values",
    [
        [0.0],
        [1e-45],
        [-1e-45, 1e-44],
        [3.4e38, -3.4e38],
        [5.0] * 7,
        [-5.0] * 7,
        [2.0**-100, -1e-30],
        [0.0, 1e30],
        [-1.0, 0.0, 1.0],
    ],
    ids=str,
)
def test_extreme_tensors_get_a_finite_range_in_order(method, values):
    values = np.array(values, np.float32)
    low, high = float(values.min()), float(values.max())
    ends = finite_range(method, histogram_of(values), low, high)
    smallest = 2e-45  # of float32, where steps are no longer relative
    assert min(low, 0.0) * 1.01 - smallest <= ends[0] <= ends[1] <= max(high, 0.0) * 1.01 + smallest


@pytest.mark.parametrize("method", METHODS)
def test_a_tensor_without_values_gets_no_range(method):
    assert finite_range(method, Histogram.empty(), 0.0, 0.0) == (0.0, 0.0)


def test_methods_that_clip_drop_a_lone_outlier():
    _, histogram, low, high = sample("outlier", 500_000)
    for method in ("percentile", "entropy", "mse"):
        assert finite_range(method, histogram, low, high)[1] < 0.8 * high, method
