"""Bias correction takes the mean error of every channel away and leaves all but the biases as they are."""

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from inc_mlflow.engines.onnxruntime.methods.bias_correction import correct_biases
from inc_mlflow.engines.onnxruntime.options import Static
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
from inc_mlflow.errors import ModelError, SpecError
from inc_mlflow.files import external_data
from inc_mlflow.spec import parse_recipe
from tests.support.onnx_candidates import quantize
from tests.support.trained_models import as_sequence, candidate, digits, judged, network, uneven_network


def outputs(path, rows):
    run = Runner(path, threads=1)
    return np.concatenate([run(row)["logits"] for row in rows])


def decibels(exact, rounded):
    return 10 * np.log10((exact**2).sum() / ((exact - rounded) ** 2).sum())


def weights(path):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer}


@pytest.fixture(scope="session")
def unseen(source) -> list[dict[str, np.ndarray]]:
    with np.load(source.with_name("tune.npz")) as archive:
        return [{"image": image[None]} for image in archive["image"][:300]]


@pytest.mark.parametrize(
    "recipe", [Static(reduce_range=True), Static(per_channel=False, reduce_range=True)], ids=Static.label
)
def test_seven_bit_convolutions_come_closer(recipe, baseline, ranges, rows, unseen, tmp_path):
    quantize(baseline, ranges, recipe, tmp_path / "plain.onnx")
    quantize(baseline, ranges, recipe, tmp_path / "corrected.onnx")
    assert correct_biases(baseline, tmp_path / "corrected.onnx", rows) == 6
    exact, plain, corrected = (
        outputs(path, unseen) for path in (baseline, tmp_path / "plain.onnx", tmp_path / "corrected.onnx")
    )
    assert decibels(exact, corrected) > decibels(exact, plain) + 2
    assert np.abs((exact - corrected).mean(0)).max() < np.abs((exact - plain).mean(0)).max()
    agree = [(exact.argmax(1) == other.argmax(1)).mean() for other in (plain, corrected)]
    assert agree[1] >= agree[0]


def test_only_biases_change_and_the_same_way_again(baseline, ranges, rows, tmp_path):
    quantize(baseline, ranges, Static(), tmp_path / "plain.onnx")
    for name in ("one.onnx", "two.onnx"):
        quantize(baseline, ranges, Static(), tmp_path / name)
        correct_biases(baseline, tmp_path / name, rows)
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "two.onnx").read_bytes()
    before, after = weights(tmp_path / "plain.onnx"), weights(tmp_path / "one.onnx")
    changed = {name for name in before if not np.array_equal(before[name], after[name])}
    assert changed
    assert all(before[name].dtype == np.int32 for name in changed)


def test_batches_do_not_change_the_correction(baseline, ranges, rows, tmp_path):
    batched = [
        {"image": np.concatenate([row["image"] for row in rows[i : i + 24]])} for i in range(0, len(rows), 24)
    ]
    for name, given in (("one.onnx", rows), ("many.onnx", batched)):
        quantize(baseline, ranges, Static(), tmp_path / name)
        correct_biases(baseline, tmp_path / name, given)
    one, many = weights(tmp_path / "one.onnx"), weights(tmp_path / "many.onnx")
    assert all(
        np.abs(one[name].astype("f8") - many[name]).max() <= 1 for name in one if one[name].dtype == np.int32
    )


def test_one_layer_is_left_without_a_mean_error(tmp_path):
    """The expected error of one layer can be computed by hand: from its stored weights and its rounded
    inputs."""
    graph = single(biased=True)
    options = {"reduce_range": True, "op_types_to_quantize": ("MatMul",)}
    path = candidate(graph, tmp_path / "q", Static(bias_correction=True, **options))
    exact = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.graph.initializer}
    stored, rows = weights(path), digits()[0][:200]
    scale, zero = stored["x_3d_scale"], stored["x_3d_zero_point"].astype(int)
    rounded = (np.clip(np.rint(rows / scale) + zero, 0, 255) - zero) * scale
    expected = (rows @ exact["w"]).mean(0) - (rounded @ (stored["w_quantized"] * stored["w_scale"])).mean(0)
    assert np.abs(expected).max() > 1e-3
    np.testing.assert_allclose(stored["b"] - exact["b"], expected, atol=1e-5)


def single(biased):
    generator = np.random.default_rng(0)
    arrays = {"w": generator.standard_normal((64, 10)), "b": generator.standard_normal(10)}
    nodes = as_sequence("x", "w", "b", "h")
    return network(
        [
            *nodes[: 3 if biased else 2],
            helper.make_node("Flatten", [nodes[2 if biased else 1].output[0]], ["logits"]),
        ],
        arrays,
    )


@pytest.mark.parametrize("layer", ["Gemm", "MatMul"])
def test_linear_layers_come_closer(layer, tmp_path):
    graph = uneven_network(layer)
    onnx.save(graph, tmp_path / "exact.onnx")
    exact, _, _ = judged(tmp_path / "exact.onnx")
    options = {"per_channel": False, "op_types_to_quantize": (layer,)}
    _, accuracy, noisy = judged(candidate(graph, tmp_path / "plain", Static(**options)), exact)
    _, better, quiet = judged(
        candidate(graph, tmp_path / "corrected", Static(bias_correction=True, **options)), exact
    )
    assert quiet > noisy + 1
    assert better >= accuracy


def test_layers_without_a_bias_are_refused(tmp_path):
    with pytest.raises(ModelError, match="bias_correction: this model has no quantised layer with a bias"):
        candidate(single(biased=False), tmp_path / "q", Static(bias_correction=True))


def test_large_models_are_refused(baseline, ranges, rows, tmp_path):
    quantize(baseline, ranges, Static(), tmp_path / "q.onnx")
    external_data(tmp_path / "q.onnx").touch()
    with pytest.raises(ModelError, match="above 2 GB"):
        correct_biases(baseline, tmp_path / "q.onnx", rows)


def test_other_formats_are_refused_in_the_recipe():
    with pytest.raises(SpecError, match="bias_correction is for quant_format QDQ only"):
        parse_recipe({"method": "static", "quant_format": "QOperator", "bias_correction": True})
