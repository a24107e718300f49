"""Equalisation changes weights, never the function; scales per tensor gain by it."""

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL
from inc_mlflow.engines.onnxruntime.methods.equalize import equalize
from inc_mlflow.engines.onnxruntime.options import Static
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
from inc_mlflow.errors import ModelError
from inc_mlflow.files import external_data
from tests.support.graphs import model, save_external
from tests.support.trained_models import candidate, judged, uneven_network

GENERATOR = np.random.default_rng(3)


def equalized(graph, folder):
    onnx.save(graph, folder / MODEL)
    return equalize(folder / MODEL, folder / "equal.onnx"), folder / "equal.onnx"


def weights(path):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}


def assert_same_function(before, after, inputs):
    exact, changed = (Runner(path, threads=1)(inputs) for path in (before, after))
    for name, value in exact.items():
        np.testing.assert_allclose(changed[name], value, atol=2e-5 * max(1, np.abs(value).max()))


@pytest.mark.parametrize("layer", ["Gemm", "MatMul"])
def test_uneven_channels_come_through_scales_per_tensor(layer, tmp_path):
    onnx.save(uneven_network(layer), tmp_path / "exact.onnx")
    exact, best, _ = judged(tmp_path / "exact.onnx")
    recipe = Static(per_channel=False)
    _, plain, noisy = judged(candidate(uneven_network(layer), tmp_path / "plain", recipe), exact)
    recipe = Static(per_channel=False, cross_layer_equalization=True)
    _, equal, quiet = judged(candidate(uneven_network(layer), tmp_path / "equal", recipe), exact)
    assert quiet > noisy + 10
    assert plain < best - 0.01
    assert equal > best - 0.005


def test_the_channels_of_both_layers_reach_as_far(tmp_path):
    count, path = equalized(uneven_network(), tmp_path)
    assert count == 1
    after = weights(path)
    np.testing.assert_allclose(np.abs(after["w1"]).max(0), np.abs(after["w2"]).max(1), rtol=1e-3)


def conv(weights, source, target, filters, group=1, bias=True):
    """A node with weights; ``filters`` are (outputs, inputs of a group, size)."""
    outputs, inputs, size = filters
    weights[f"w_{target}"] = spread(outputs, inputs, size, size)
    names = [source, f"w_{target}"]
    if bias:
        weights[f"b_{target}"] = spread(outputs)
        names.append(f"b_{target}")
    return helper.make_node("Conv", names, [target], name=target, group=group, pads=[size // 2] * 4)


def spread(*shape):
    """Weights whose first axis differs by up to a thousand in scale."""
    scale = 10 ** GENERATOR.uniform(-1.5, 1.5, shape[0]).reshape(-1, *[1] * (len(shape) - 1))
    return (GENERATOR.standard_normal(shape) * scale).astype("f4")


BETWEEN = {
    "Relu": {},
    "LeakyRelu": {"alpha": 0.1},
    "MaxPool": {"kernel_shape": [2, 2]},
    "AveragePool": {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]},
    "Identity": {},
    "Clip": {},
    "Sigmoid": {},
}


@settings(max_examples=25, deadline=None)
@given(
    kinds=st.lists(
        st.sampled_from(["dense", "depthwise", "grouped", "unbiased", *BETWEEN]), min_size=2, max_size=7
    ),
    pooled=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_a_random_chain_computes_the_same(kinds, pooled, seed, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chain")
    arrays, nodes, tensor = {}, [], "x"
    for number, kind in enumerate([*kinds, "dense"]):
        target = f"t{number}"
        if kind in BETWEEN:
            nodes.append(helper.make_node(kind, [tensor], [target], name=target, **BETWEEN[kind]))
        else:
            filters, group = {"depthwise": ((4, 1, 3), 4), "grouped": ((4, 2, 1), 2)}.get(
                kind, ((4, 4, 3), 1)
            )
            nodes.append(conv(arrays, tensor, target, filters, group, kind != "unbiased"))
        tensor = target
    if pooled:
        nodes.append(helper.make_node("GlobalAveragePool", [tensor], ["p"], name="p"))
    nodes.append(helper.make_node("Flatten", [nodes[-1].output[0]], ["f"], name="f"))
    size = 4 if pooled else 4 * (16 - kinds.count("MaxPool")) ** 2
    arrays |= {"w": spread(size, 3), "b": spread(3)}
    nodes.append(helper.make_node("Gemm", ["f", "w", "b"], ["y"], name="y"))
    onnx.save(model(nodes, arrays, {"x": [2, 4, 16, 16]}, {"y": [2, 3]}, 17), folder / MODEL)
    assert equalize(folder / MODEL, folder / "one.onnx") >= 1
    equalize(folder / MODEL, folder / "two.onnx")
    assert (folder / "one.onnx").read_bytes() == (folder / "two.onnx").read_bytes()
    rows = np.random.default_rng(seed).standard_normal((2, 4, 16, 16)).astype("f4")
    assert_same_function(folder / MODEL, folder / "one.onnx", {"x": rows})


def pair(*between, outputs=("y",), extra=()):
    """Two convolutions and what is between them; ``h`` is the first one's output."""
    arrays = {}
    nodes = [conv(arrays, "x", "h", (4, 3, 3)), *between, *extra]
    nodes.append(conv(arrays, nodes[len(between)].output[0], "y", (4, 4, 1)))
    return model(nodes, arrays, {"x": [1, 3, 8, 8]}, {name: [1, 4, 8, 8] for name in outputs}, 17)


RELU = helper.make_node("Relu", ["h"], ["r"], name="r")


@pytest.mark.parametrize(
    "graph",
    [
        pair(helper.make_node("Clip", ["h"], ["r"], name="r")),
        pair(RELU, outputs=("y", "h")),
        pair(RELU, outputs=("y", "r")),
        pair(RELU, outputs=("y", "z"), extra=[helper.make_node("Sigmoid", ["h"], ["z"], name="z")]),
        pair(RELU, outputs=("y", "z"), extra=[helper.make_node("Sigmoid", ["r"], ["z"], name="z")]),
    ],
    ids=["clip", "output", "output behind relu", "other reader", "other reader behind relu"],
)
def test_what_others_see_is_left_alone(graph, tmp_path):
    count, path = equalized(graph, tmp_path)
    assert count == 0
    before, after = weights(tmp_path / MODEL), weights(path)
    assert all((before[name] == after[name]).all() for name in before)


def test_several_layers_may_read_what_is_between(tmp_path):
    arrays = {}
    nodes = [
        conv(arrays, "x", "h", (4, 3, 3)),
        RELU,
        conv(arrays, "r", "y", (4, 4, 1)),
        conv(arrays, "r", "z", (2, 4, 3)),
    ]
    graph = model(nodes, arrays, {"x": [1, 3, 8, 8]}, {"y": [1, 4, 8, 8], "z": [1, 2, 8, 8]}, 17)
    count, path = equalized(graph, tmp_path)
    assert count == 1
    assert_same_function(tmp_path / MODEL, path, {"x": np.ones((1, 3, 8, 8), "f4")})


def test_weights_that_two_layers_share_are_parted(tmp_path):
    arrays = {"w": spread(4, 4), "b": spread(4)}
    nodes = [
        helper.make_node("Gemm", ["x", "w", "b"], ["h"], name="one"),
        helper.make_node("Relu", ["h"], ["r"], name="r"),
    ]
    nodes += [helper.make_node("Gemm", ["r", "w", "b"], ["y"], name="two")]
    count, path = equalized(model(nodes, arrays, {"x": ["n", 4]}, {"y": ["n", 4]}, 17), tmp_path)
    assert count == 1
    assert_same_function(tmp_path / MODEL, path, {"x": np.eye(4, dtype="f4")})


def test_a_channel_without_weights_keeps_its_bias(tmp_path):
    graph = uneven_network()
    for tensor in graph.graph.initializer:
        if tensor.name == "w1":
            values = numpy_helper.to_array(tensor).copy()
            values[:, :3] = 0
            tensor.CopyFrom(numpy_helper.from_array(values, "w1"))
    _, path = equalized(graph, tmp_path)
    np.testing.assert_array_equal(weights(path)["b1"][:3], weights(tmp_path / MODEL)["b1"][:3])


def test_external_weights_stay_external(tmp_path):
    save_external(uneven_network(), tmp_path / MODEL, external_data(tmp_path / MODEL).name)
    (tmp_path / "equal").mkdir()
    assert equalize(tmp_path / MODEL, tmp_path / "equal" / MODEL) == 1
    assert external_data(tmp_path / "equal" / MODEL).exists()
    assert_same_function(tmp_path / MODEL, tmp_path / "equal" / MODEL, {"x": np.ones((2, 64), "f4")})


def test_a_model_without_such_layers_is_refused(tmp_path):
    nodes = [helper.make_node("MatMul", ["x", "w"], ["logits"], name="one")]
    graph = model(nodes, {"w": spread(64, 10)}, {"x": ["n", 64]}, {"logits": ["n", 10]}, 17)
    with pytest.raises(ModelError, match="cross_layer_equalization: this model has no pair of layers"):
        candidate(graph, tmp_path / "one", Static(cross_layer_equalization=True))
