"""The method ``mixed``: what its recipes name, and what they may not."""

import numpy as np
import onnx
import pytest
from onnx import helper

from inc_mlflow.engines.engine import MethodData
from inc_mlflow.engines.onnxruntime.calibration.collect import collect
from inc_mlflow.engines.onnxruntime.graph.int8_operators import int8_operators
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL, read_structure
from inc_mlflow.engines.onnxruntime.graph.normalize import normalize
from inc_mlflow.engines.onnxruntime.mixed.kernels import optimised_graph
from inc_mlflow.engines.onnxruntime.options import Mixed
from inc_mlflow.errors import ModelError, SpecError
from inc_mlflow.spec import parse_recipe
from tests.support.graphs import model
from tests.support.onnx_candidates import compress

GENERATOR = np.random.default_rng(5)
ROWS = [{"x": GENERATOR.normal(0, 1, (1, 4, 8, 8)).astype("f4")} for _ in range(6)]
WEIGHTS = {
    "w": GENERATOR.normal(0, 0.3, (4, 4, 3, 3)).astype("f4"),
    "d": GENERATOR.normal(0, 0.3, (8, 8)).astype("f4"),
}


def node(kind, inputs, output, **attributes):
    return helper.make_node(kind, inputs, [output], name=output, **attributes)


@pytest.fixture(scope="module")
def baseline(tmp_path_factory):
    """Two convolutions with a Tanh between them, and a product."""
    folder = tmp_path_factory.mktemp("mixed")
    nodes = [
        node("Conv", ["x", "w"], "first", pads=[1, 1, 1, 1]),
        node("Tanh", ["first"], "bent"),
        node("Conv", ["bent", "w"], "second", pads=[1, 1, 1, 1]),
        node("MatMul", ["second", "d"], "y"),
    ]
    shape = [1, 4, 8, 8]
    onnx.save(model(nodes, WEIGHTS, {"x": shape}, {"y": shape}, 17), folder / "source.onnx")
    normalize(folder / "source.onnx", folder)
    return folder / MODEL


@pytest.fixture
def apply(baseline, tmp_path):
    def make(**options):
        target = tmp_path / MODEL
        data = MethodData(lambda: ROWS, collect(baseline, ROWS, 1, histograms=True), 1)
        compress(baseline, parse_recipe({"method": "mixed", **options}), data, target)
        return target

    return make


def kernels(path):
    return [one.op_type for one in optimised_graph(path).node]


def test_without_a_list_all_that_has_a_kernel_is_int8(apply):
    found = kernels(apply())
    assert found.count("QLinearConv") == 2
    assert {"MatMulIntegerToFloat"} <= set(found)
    assert "Tanh" in found


def test_a_list_names_units_and_nothing_else_is_int8(apply):
    found = kernels(apply(int8=["second"], dynamic=["y"]))
    assert found.count("QLinearConv") == found.count("DynamicQuantizeMatMul") == 1
    assert found.count("Conv") == 1


def test_excluded_nodes_stay_fp32_with_their_unit(apply):
    assert kernels(apply(nodes_to_exclude=["second"])).count("QLinearConv") == 1


@pytest.mark.parametrize("method", ["percentile", "entropy", "mse"])
def test_ranges_follow_the_calibration_method(apply, method):
    plain = apply(int8=["second"]).read_bytes()
    assert apply(int8=["second"], calibrate_method=method).read_bytes() != plain


@pytest.mark.parametrize("width", [True, "saturating"])
def test_protection_narrows_weights(apply, width):
    weights = [
        onnx.numpy_helper.to_array(one)
        for one in onnx.load(apply(reduce_range=width)).graph.initializer
        if one.data_type == onnx.TensorProto.INT8 and len(one.dims) > 1
    ]
    widest = {int(np.abs(one).max()) for one in weights}
    assert widest == {64} if width is True else widest <= {64, 127}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"int8": ["sekond"]}, "did you mean 'second'"),
        ({"int8": ["bent"]}, "Tanh is not covered"),
        ({"dynamic": ["second"]}, "no Gemm or MatMul"),
        ({"nodes_to_exclude": ["nowhere"]}, "no node 'nowhere'"),
        ({"int8": []}, "nothing in this model can be quantised that way"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(apply, options, text):
    with pytest.raises(ModelError, match=text) as refused:
        apply(**options)
    assert "\n" not in str(refused.value)


def test_a_unit_has_one_state():
    with pytest.raises(SpecError, match="int8 and dynamic both name 'a'"):
        parse_recipe({"method": "mixed", "int8": ["a"], "dynamic": ["a"]})


def test_a_recipe_is_named_by_its_states():
    recipe = Mixed(int8=("a", "b"), dynamic=("c",), calibrate_method="mse", reduce_range="saturating")
    assert recipe.label() == "mixed mse 7-bit where saturating 2 units INT8 1 dynamic"
    assert recipe.unprotected().label() == "mixed mse 2 units INT8 1 dynamic"
    assert recipe.statistics == {"mse"}


def test_without_ranges_it_is_refused(baseline, tmp_path):
    with pytest.raises(ModelError, match="needs ranges"):
        compress(baseline, Mixed(), MethodData(lambda: ROWS, None, 1), tmp_path / MODEL)


def test_the_file_counts_as_int8(apply):
    assert int8_operators(read_structure(apply()))
