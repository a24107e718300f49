"""Why a candidate is slow: the digits example by ONNX Runtime's own defaults, and by its dynamic
quantisation."""

from dataclasses import replace

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper

from inc_mlflow.engines.onnxruntime.analysis.attribution import OptimisedGraph
from inc_mlflow.engines.onnxruntime.analysis.explain import explain
from inc_mlflow.engines.onnxruntime.analysis.profile import Profile, profile
from inc_mlflow.engines.onnxruntime.calibration.collect import collect
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL, read_structure
from inc_mlflow.engines.onnxruntime.graph.normalize import normalize
from inc_mlflow.engines.onnxruntime.options import Dynamic, Static
from tests.support.graphs import model
from tests.support.onnx_candidates import quantize

RECIPES = {"s8": Static(activation_type="QInt8"), "u8": Static(), "dynamic": Dynamic()}


@pytest.fixture(scope="module")
def profiles(baseline, ranges, rows, tmp_path_factory):
    folder = tmp_path_factory.mktemp("candidates")
    for name, recipe in RECIPES.items():
        quantize(baseline, ranges, recipe, folder / name)
    return profile({"baseline": baseline} | {name: folder / name for name in RECIPES}, rows[:2], passes=12)


def _causes(baseline, profiles, name):
    slow = explain(baseline, profiles["baseline"], profiles[name])
    return {cause.what.split(" ", 1)[1]: cause for cause in slow.causes}, slow


def _cause(causes, clause):
    return next(cause for what, cause in causes.items() if what.endswith(clause))


def test_signed_activations_leave_convolutions_in_fp32_between_conversions(baseline, profiles):
    causes, slow = _causes(baseline, profiles, "s8")
    islands = _cause(causes, "run in FP32 between conversions although INT8 kernels exist")
    assert "2 Conv" in islands.what
    assert "QUInt8" in islands.hint
    assert islands.share > islands.fp32_share
    weights = _cause(causes, "converting weights in every run")
    assert (weights.count, weights.fp32_share) == (4, 0)
    unfused = _cause(causes, "not fused")
    assert {"QuantizeLinear", "DequantizeLinear"} <= set(unfused.what.replace(",", "").split())
    assert slow.seconds > slow.baseline_seconds
    assert slow.summary.startswith("of its time, ")
    assert islands.what in slow.summary


def test_causes_name_nodes_that_a_recipe_can_exclude(baseline, ranges, profiles, tmp_path):
    causes, _ = _causes(baseline, profiles, "s8")
    islands = _cause(causes, "although INT8 kernels exist")
    quantize(
        baseline, ranges, Static(nodes_to_exclude=islands.nodes), tmp_path / MODEL
    )  # refuses unknown names
    known = {node.name for node in read_structure(baseline).graph.node}
    assert {name for cause in causes.values() for name in cause.nodes} <= known


def test_dynamic_convolutions_have_slow_kernels_and_loose_scaling(baseline, profiles):
    causes, slow = _causes(baseline, profiles, "dynamic")
    kernels = _cause(causes, "with an INT8 kernel slower than the FP32 one")
    assert "5 ConvInteger" in kernels.what
    assert kernels.share > 0.5
    assert f"{kernels.share * 100:.0f} % goes to {kernels.what}" in slow.summary
    assert _cause(causes, "scaling integer results, not fused").count == 20  # Cast, Mul, Mul and Add of five


def test_a_fast_candidate_has_no_islands(baseline, profiles):
    causes, slow = _causes(baseline, profiles, "u8")
    assert not [what for what in causes if "conversions" in what or "weights" in what]
    assert not [what for what in causes if "not fused" in what]  # conversions at input and output must be
    assert slow.seconds < slow.baseline_seconds


def test_an_operator_without_kernel_between_quantised_ones_is_told(tmp_path):
    generator = np.random.default_rng(0)
    weights = {name: generator.standard_normal((64, 64)).astype("f4") for name in ("w", "v")}
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Erf", ["a"], ["b"]),
        helper.make_node("MatMul", ["b", "v"], ["y"]),
    ]
    onnx.save(model(nodes, weights, {"x": [4, 64]}, {"y": [4, 64]}, 17), tmp_path / "source.onnx")
    normalize(tmp_path / "source.onnx", tmp_path)
    rows = [{"x": generator.standard_normal((4, 64)).astype("f4")}]
    quantize(tmp_path / MODEL, collect(tmp_path / MODEL, rows, threads=1), Static(), tmp_path / "int8.onnx")
    found = profile({"baseline": tmp_path / MODEL, "int8": tmp_path / "int8.onnx"}, rows, passes=4)
    causes = explain(tmp_path / MODEL, found["baseline"], found["int8"]).causes
    alone = next(
        cause for cause in causes if cause.what == "1 Erf without an INT8 kernel, between conversions"
    )
    assert alone.nodes == ("Erf_1",)


def test_what_reads_the_last_integers_is_no_island(baseline, ranges, rows, tmp_path):
    quantize(baseline, ranges, Static(op_types_to_quantize=("Conv",)), tmp_path / MODEL)
    found = profile({"baseline": baseline, "convolutions": tmp_path / MODEL}, rows[:1], passes=2)
    causes, _ = _causes(baseline, found, "convolutions")
    assert _cause(causes, "although INT8 kernels exist").nodes == ("/Add",)
    loose = [node for node in found["convolutions"].graph.node if node.op_type == "DequantizeLinear"]
    owner = OptimisedGraph(found["convolutions"].graph, read_structure(baseline).graph).owner
    types = {node.name: node.op_type for node in read_structure(baseline).graph.node}
    assert {types[owner(node)] for node in loose} == {
        "Conv"
    }  # made for the convolution before, not for the pool behind


def test_a_fusion_that_quantisation_prevents_is_told(tmp_path):
    generator = np.random.default_rng(0)
    weights = {name: generator.standard_normal((16, 16, 3, 3)).astype("f4") for name in ("w", "v")}
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "v"], ["c"], pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["c", "b"], ["y"]),
    ]
    shape = [1, 16, 8, 8]
    onnx.save(model(nodes, weights, {"x": shape}, {"y": shape}, 17), tmp_path / "source.onnx")
    normalize(tmp_path / "source.onnx", tmp_path)
    rows = [{"x": generator.standard_normal(shape).astype("f4")}]
    quantize(tmp_path / MODEL, collect(tmp_path / MODEL, rows, threads=1), Static(), tmp_path / "int8.onnx")
    found = profile({"baseline": tmp_path / MODEL, "int8": tmp_path / "int8.onnx"}, rows, passes=4)
    causes = explain(tmp_path / MODEL, found["baseline"], found["int8"]).causes
    assert "1 QLinearAdd fused into other nodes in the baseline" in [cause.what for cause in causes]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.sampled_from(list(RECIPES)), st.randoms(use_true_random=False), st.sampled_from([0.0, 1e-6, 1.0, 1e6])
)
def test_shares_never_add_up_to_more_than_the_whole(baseline, profiles, name, random, scale):
    def shuffled(found: Profile) -> Profile:
        times = {key: replace(one, seconds=random.random() * scale) for key, one in found.nodes.items()}
        return Profile(times, found.graph)

    slow = explain(baseline, shuffled(profiles["baseline"]), shuffled(profiles[name]))
    assert all(
        cause.share >= 0 and cause.fp32_share >= 0 and cause.count >= len(cause.nodes) > 0
        for cause in slow.causes
    )
    assert sum(cause.share for cause in slow.causes) <= 1 + 1e-9
    assert sum(cause.count for cause in slow.causes) <= len(profiles[name].nodes)
