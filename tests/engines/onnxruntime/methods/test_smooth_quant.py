"""SmoothQuant changes constants, never the function; outlier channels gain by it."""

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.rules import SPEED
from inc_mlflow.engines.onnxruntime.methods.smooth_quant import smooth
from inc_mlflow.engines.onnxruntime.options import Static
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
from inc_mlflow.errors import ModelError
from inc_mlflow.files import external_data
from tests.support.graphs import model, save_external
from tests.support.trained_models import candidate, digits, judged, outlier_network

ROWS = [{"x": row[None]} for row in digits()[0][:50]]


def smoothed(graph, folder, rows=ROWS, alpha=0.5):
    onnx.save(graph, folder / MODEL)
    return smooth(folder / MODEL, rows, alpha, folder / "smooth.onnx"), folder / "smooth.onnx"


def weights(path):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}


def assert_same_function(before, after, inputs):
    exact, changed = (Runner(path, threads=1)(inputs) for path in (before, after))
    for name, value in exact.items():
        np.testing.assert_allclose(changed[name], value, atol=2e-5 * max(1, np.abs(value).max()))


@pytest.mark.parametrize("decomposed", [False, True], ids=["LayerNormalization", "Mul and Add"])
def test_outlier_channels_come_through(decomposed, tmp_path):
    """Without the rewrites of an import: these fold the factors of such channels into the weights."""
    graph = outlier_network(decomposed)
    onnx.save(graph, tmp_path / "exact.onnx")
    exact, best, _ = judged(tmp_path / "exact.onnx")
    only = ("Gemm", "MatMul")
    recipe = Static(op_types_to_quantize=only)
    _, plain, noisy = judged(candidate(graph, tmp_path / "plain", recipe, SPEED), exact)
    recipe = Static(op_types_to_quantize=only, smooth_quant=0.5)
    _, smooth, quiet = judged(candidate(graph, tmp_path / "smooth", recipe, SPEED), exact)
    assert quiet > noisy + 6
    assert plain < best - 0.01
    assert smooth > best - 0.005


@pytest.mark.parametrize("alpha", [0.3, 0.5, 0.8])
def test_factors_are_those_of_equation_4(alpha, tmp_path):
    _, path = smoothed(outlier_network(), tmp_path, alpha=alpha)
    before, after = weights(tmp_path / MODEL), weights(path)
    rows = np.concatenate([row["x"] for row in ROWS])
    normal = (rows - rows.mean(1, keepdims=True)) / np.sqrt(rows.var(1, keepdims=True) + 1e-5)
    activations = np.abs(normal * before["gamma"] + before["beta"]).max(0)
    expected = activations**alpha / np.abs(before["w"]).max(1) ** (1 - alpha)
    np.testing.assert_allclose(before["gamma"] / after["gamma"], expected, rtol=1e-4)
    np.testing.assert_allclose(before["beta"] / after["beta"], expected, rtol=1e-4)
    np.testing.assert_allclose(after["w"], before["w"] * expected[:, None], rtol=1e-3, atol=1e-7)


def test_the_readers_of_one_tensor_share_the_largest_weights(tmp_path):
    generator = np.random.default_rng(0)
    arrays = {
        name: generator.standard_normal((64, 8)).astype("f4") * scale
        for name, scale in zip("qkv", (1, 5, 2), strict=True)
    }
    arrays |= {"gamma": np.ones(64, "f4")}
    nodes = [helper.make_node("LayerNormalization", ["x", "gamma"], ["n"], name="n")]
    nodes += [helper.make_node("MatMul", ["n", name], [f"{name}_out"], name=f"{name}_out") for name in "qkv"]
    graph = model(nodes, arrays, {"x": ["n", 64]}, {f"{name}_out": ["n", 8] for name in "qkv"}, 17)
    count, path = smoothed(graph, tmp_path)
    assert count == 1
    before, after = weights(tmp_path / MODEL), weights(path)
    factors = [after[name][:, 0] / before[name][:, 0] for name in "qkv"]
    np.testing.assert_allclose(factors[0], factors[1], rtol=1e-5)
    np.testing.assert_allclose(factors[0], factors[2], rtol=1e-5)
    assert_same_function(tmp_path / MODEL, path, {"x": np.concatenate([row["x"] for row in ROWS])})


PIECES = [
    "linear",
    "gemm",
    "norm",
    "gain",
    "divisor",
    "offset",
    "Relu",
    "LeakyRelu",
    "Identity",
    "Erf",
    "Sigmoid",
]


def piece(kind, source, target, arrays, generator):
    """One operator over 64 channels."""
    name = f"c_{target}"
    spread = (generator.uniform(0.5, 2, 64) * 10 ** generator.uniform(-1, 1, 64)).astype("f4")
    square = (generator.standard_normal((64, 64)) / 8).astype("f4")
    arrays |= {} if kind in {"Relu", "LeakyRelu", "Identity", "Erf", "Sigmoid"} else {name: spread}
    if kind in {"linear", "gemm"}:
        arrays[name] = square
    if kind == "norm":
        arrays[f"{name}_beta"] = spread[::-1].copy()
        return helper.make_node("LayerNormalization", [source, name, f"{name}_beta"], [target], name=target)
    if kind == "gemm":
        arrays[f"{name}_bias"] = np.array([0.5], "f4")
        return helper.make_node(
            "Gemm", [source, name, f"{name}_bias"], [target], name=target, transB=1, alpha=0.5, beta=2.0
        )
    operator = {"linear": "MatMul", "gain": "Mul", "divisor": "Div", "offset": "Add"}.get(kind, kind)
    return helper.make_node(operator, [source, *([name] if name in arrays else [])], [target], name=target)


@settings(max_examples=25, deadline=None)
@given(
    kinds=st.lists(st.sampled_from(PIECES), min_size=1, max_size=6),
    seed=st.integers(0, 2**16),
    alpha=st.floats(0.1, 0.9),
)
def test_a_random_chain_computes_the_same(kinds, seed, alpha, tmp_path_factory):
    folder, generator = tmp_path_factory.mktemp("chain"), np.random.default_rng(seed)
    arrays, nodes, tensor = {}, [], "x"
    for number, kind in enumerate(["norm", *kinds, "linear"]):
        nodes.append(piece(kind, tensor, f"t{number}", arrays, generator))
        tensor = f"t{number}"
    onnx.save(model(nodes, arrays, {"x": ["n", 64]}, {tensor: ["n", 64]}, 17), folder / MODEL)
    smooth(folder / MODEL, ROWS, alpha, folder / "one.onnx")
    smooth(folder / MODEL, ROWS, alpha, folder / "two.onnx")
    assert (folder / "one.onnx").read_bytes() == (folder / "two.onnx").read_bytes()
    assert_same_function(folder / MODEL, folder / "one.onnx", {"x": digits()[0][50:80]})


@pytest.mark.parametrize(
    ("kinds", "count"),
    [
        (["gain"], 2),
        (["divisor"], 2),
        (["gain", "Relu", "offset"], 2),
        (["linear", "offset", "LeakyRelu"], 3),
        (["gemm"], 3),
        (["Erf"], 1),
        (["gain", "Sigmoid"], 1),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, list) else None,
)
def test_factors_pass_what_is_linear_in_them(kinds, count, tmp_path):
    generator, arrays = np.random.default_rng(0), {}
    names = ["norm", "linear", *kinds, "linear"]
    nodes = [
        piece(kind, f"t{number}", f"t{number + 1}", arrays, generator) for number, kind in enumerate(names)
    ]
    last = f"t{len(names)}"
    found, path = smoothed(
        model(nodes, arrays, {"t0": ["n", 64]}, {last: ["n", 64]}, 17),
        tmp_path,
        [{"t0": r["x"]} for r in ROWS],
    )
    assert found == count
    assert_same_function(tmp_path / MODEL, path, {"t0": digits()[0][50:80]})


def test_a_beta_that_is_computed_is_left_alone(tmp_path):
    graph = outlier_network()
    graph.graph.node[0].input[2] = "shift"
    graph.graph.node.insert(0, helper.make_node("Sigmoid", ["beta"], ["shift"], name="shift"))
    count, path = smoothed(graph, tmp_path)
    assert count == 0
    assert_same_function(tmp_path / MODEL, path, {"x": digits()[0][:5]})


def test_what_a_residual_reads_too_is_left_alone(tmp_path):
    graph = outlier_network()
    graph.graph.node.append(helper.make_node("Relu", ["n"], ["residual"], name="residual"))
    graph.graph.output.append(helper.make_tensor_value_info("residual", 1, ["n", 64]))
    count, path = smoothed(graph, tmp_path)
    assert count == 0
    assert path.read_bytes() == (tmp_path / MODEL).read_bytes()


def test_a_gamma_that_two_layers_share_is_parted(tmp_path):
    graph = outlier_network()
    graph.graph.node.append(
        helper.make_node("LayerNormalization", ["x", "gamma", "beta"], ["other"], name="other")
    )
    graph.graph.output.append(helper.make_tensor_value_info("other", 1, ["n", 64]))
    count, path = smoothed(graph, tmp_path)
    assert count == 1
    assert_same_function(tmp_path / MODEL, path, {"x": digits()[0][:5]})


def test_external_weights_stay_external(tmp_path):
    save_external(outlier_network(), tmp_path / MODEL, external_data(tmp_path / MODEL).name)
    (tmp_path / "smooth").mkdir()
    assert smooth(tmp_path / MODEL, ROWS, 0.5, tmp_path / "smooth" / MODEL) == 1
    assert external_data(tmp_path / "smooth" / MODEL).exists()
    assert_same_function(tmp_path / MODEL, tmp_path / "smooth" / MODEL, {"x": digits()[0][:5]})


def test_a_model_without_such_layers_is_refused(tmp_path):
    nodes = [helper.make_node("MatMul", ["x", "w"], ["logits"], name="one")]
    graph = model(nodes, {"w": np.ones((64, 10), "f4")}, {"x": ["n", 64]}, {"logits": ["n", 10]}, 17)
    with pytest.raises(ModelError, match="smooth_quant: this model has no linear layer"):
        candidate(graph, tmp_path / "one", Static(smooth_quant=0.5))
