"""Pairs of products that saturate, against brute force in integers; a convolution as a product."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper

from inc_mlflow.engines.onnxruntime.analysis.saturating_pairs import at_risk, excess
from inc_mlflow.engines.onnxruntime.graph.im2col import Product
from tests.support.graphs import model as float_graph
from tests.support.saturated_sums import brute_force, run


@given(st.integers(1, 5), st.integers(1, 9), st.integers(1, 4), st.integers(0, 2**32 - 1), st.booleans())
def test_excess_equals_brute_force(rows, depth, columns, seed, extreme):
    generator = np.random.default_rng(seed)
    activations = generator.choice([0, 127, 128, 129, 130, 255], (rows, depth)).astype(np.uint8)
    weights = generator.choice(
        [-128, -127, 0, 126, 127] if extreme else range(-128, 128), (depth, columns)
    ).astype(np.int8)
    sums, saturating, risky = brute_force(activations, weights)
    lost, count = excess(activations, weights, at_risk(weights))
    np.testing.assert_array_equal(activations.astype(int) @ weights + lost, sums)
    assert (count, at_risk(weights).sum()) == (saturating, risky)


@st.composite
def convolutions(draw):
    """Draw (input shape, weight shape, attributes) of a convolution with one to three spatial axes."""
    axes = draw(st.integers(1, 3))
    groups, outs, ins = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 3))
    each = st.tuples(*[st.integers(1, 3)] * axes)
    kernel, strides, dilations = draw(each), draw(each), draw(st.tuples(*[st.integers(1, 2)] * axes))
    space = [
        draw(st.integers((size - 1) * step + 1, 8)) for size, step in zip(kernel, dilations, strict=True)
    ]
    attributes = {"group": groups, "strides": strides, "dilations": dilations, "kernel_shape": kernel}
    padding = draw(st.sampled_from(["pads", "SAME_UPPER", "SAME_LOWER", "VALID"]))
    if padding == "pads":
        attributes["pads"] = draw(st.lists(st.integers(0, 2), min_size=2 * axes, max_size=2 * axes))
    else:
        attributes |= {
            "auto_pad": padding,
            "dilations": (1,) * axes,
        }  # onnxruntime pads dilated kernels otherwise
    return (2, groups * ins, *space), (groups * outs, ins, *kernel), attributes


@settings(max_examples=60)
@given(convolutions(), st.integers(0, 2**32 - 1))
def test_rows_times_weights_are_the_convolution(case, seed):
    shape, weight_shape, attributes = case
    generator = np.random.default_rng(seed)
    activations = generator.integers(0, 255, shape).astype(np.uint8)
    weights = generator.integers(-9, 9, weight_shape).astype(np.int8)
    node = helper.make_node("Conv", ["x", "w"], ["y"], **attributes)
    expected = run(
        float_graph([node], {"w": weights.astype("f4")}, {"x": shape}, {"y": None}, 17),
        activations.astype("f4"),
    )
    values = {one.name: helper.get_attribute_value(one) for one in node.attribute}
    product = Product.of("Conv", weights, values)
    rows = product.rows(activations, zero=0, limit=10**6, seed=0)
    found = np.concatenate(list(rows.astype(int) @ product.weights), 1)  # (positions, channels)
    np.testing.assert_array_equal(found, np.moveaxis(expected, 1, -1).reshape(len(found), -1))


def test_few_positions_are_some_of_all():
    product = Product.of("Conv", np.ones((1, 1, 1, 1), np.int8), {})
    activations = np.arange(200, dtype=np.uint8).reshape(2, 1, 10, 10)
    drawn = product.rows(activations, 0, limit=30, seed=1).ravel()
    assert len(set(drawn)) == 60
    np.testing.assert_array_equal(drawn, product.rows(activations, 0, limit=30, seed=1).ravel())
