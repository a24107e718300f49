"""Rewrites of the source as it was given: functions, sparse weights, opset, types of floats, old formats."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from inc_mlflow.engines.onnxruntime.graph.model_file import all_nodes
from inc_mlflow.engines.onnxruntime.graph.renaming import all_graphs, defined_names
from inc_mlflow.engines.onnxruntime.graph.rewrites.opset import OPSET, RAISE_OPSET
from tests.support.graphs import conv_with_batch_norm, linear
from tests.support.imports import graph_of, imported, normal, run

ROWS = [{"x": normal(seed, 1, 8)} for seed in range(3)]


def float_types(model):
    values = [v for g in all_graphs(model.graph) for v in (*g.value_info, *g.input, *g.output)]
    return {v.type.tensor_type.elem_type for v in values} | {t.data_type for t in model.graph.initializer}


@pytest.mark.parametrize("opset", [13, 17, 21])
def test_local_functions_are_inlined(tmp_path, opset):
    function = helper.make_function(
        "own",
        "Dense",
        ["a", "w"],
        ["b"],
        [helper.make_node("MatMul", ["a", "w"], ["m"]), helper.make_node("Relu", ["m"], ["b"])],
        [helper.make_opsetid("", opset)],
    )
    nodes = [helper.make_node("Dense", ["x", "w"], ["y"], domain="own")]
    weights = {"w": normal(0, 8, 4)}
    model = graph_of(
        nodes, weights, {"x": ["n", 8]}, {"y": ["n", 4]}, opset, functions=[function], domains=["own"]
    )
    baseline, _ = imported(model, tmp_path, ROWS)
    assert [node.op_type for node in baseline.graph.node] == ["MatMul", "Relu"]
    assert not baseline.functions


def test_format_3_with_weights_as_inputs(tmp_path):
    model = conv_with_batch_norm(opset=8)
    model.ir_version = 3
    baseline, _ = imported(model, tmp_path, [{"x": normal(0, 1, 3, 8, 8)}])
    assert [value.name for value in baseline.graph.input] == ["x"]


def test_a_sparse_initialiser_becomes_dense(tmp_path):
    model = graph_of([helper.make_node("MatMul", ["x", "w"], ["y"])], {}, {"x": ["n", 8]}, {"y": ["n", 4]})
    found = numpy_helper.from_array(np.array([1.0, 2.0, 3.0], "f4"), "w")
    places = numpy_helper.from_array(np.array([0, 5, 30]), "places")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(found, places, [8, 4]))
    baseline, _ = imported(model, tmp_path, ROWS)
    (weight,) = baseline.graph.initializer
    dense = numpy_helper.to_array(weight)
    assert dense.shape == (8, 4)
    assert (dense[0, 0], dense[1, 1], dense[7, 2], np.count_nonzero(dense)) == (1, 2, 3, 3)


@pytest.mark.parametrize("mode", ["nearest", "linear"])
@pytest.mark.parametrize("scale", [2.0, 0.5, 1.5])
@pytest.mark.parametrize(("operator", "opset"), [("Upsample", 9), ("Resize", 10)])
def test_pixels_stay_where_old_opsets_place_them(tmp_path, operator, opset, mode, scale):
    if operator == "Upsample" and scale < 1:
        pytest.skip("an Upsample only enlarges")
    size = int(6 * scale)
    nodes = [helper.make_node(operator, ["x", "scales"], ["y"], mode=mode)]
    weights = {"scales": np.array([1, 1, scale, scale], "f4")}
    model = graph_of(nodes, weights, {"x": [1, 2, 6, 6]}, {"y": [1, 2, size, size]}, opset)
    baseline, record = imported(model, tmp_path, [{"x": normal(0, 1, 2, 6, 6)}])
    assert record.baselines[0].largest_difference == 0
    assert [node.op_type for node in baseline.graph.node] == ["Resize"]


def loop_with_squeezes(more):
    """A loop at opset 12, with a number of further operators around it: the converter counts all tensors."""
    body = helper.make_graph(
        [
            helper.make_node("Squeeze", ["v"], ["s"], axes=[1]),
            helper.make_node("Unsqueeze", ["s"], ["u"], axes=[1]),
            helper.make_node("MatMul", ["u", "w"], ["next"]),
            helper.make_node("Identity", ["on"], ["go"]),
        ],
        "body",
        [
            helper.make_tensor_value_info("i", TensorProto.INT64, []),
            helper.make_tensor_value_info("on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("v", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("next", TensorProto.FLOAT, None),
        ],
    )
    nodes = [
        helper.make_node("Unsqueeze", ["x"], ["x1"], axes=[1]),
        helper.make_node("Loop", ["count", "yes", "x1"], ["t0"], body=body),
        *(helper.make_node("Relu", [f"t{index}"], [f"t{index + 1}"]) for index in range(more)),
        helper.make_node("Squeeze", [f"t{more}"], ["y"], axes=[1]),
    ]
    weights = {"w": normal(0, 8, 8), "count": np.array(2), "yes": np.array(True)}
    return graph_of(nodes, weights, {"x": ["n", 8]}, {"y": ["n", 8]}, opset=12, ir_version=7)


def test_names_that_the_converter_repeats_in_a_loop_are_made_unique(tmp_path):
    for more in range(10):
        raised = RAISE_OPSET.apply(loop_with_squeezes(more), tmp_path)
        names = [name for graph in all_graphs(raised.graph) for name in defined_names(graph)]
        assert len(set(names)) == len(names)
    imported(loop_with_squeezes(0), tmp_path, ROWS)


def test_operators_of_other_domains_alone_need_no_conversion(tmp_path):
    model = graph_of(
        [helper.make_node("Binarizer", ["x"], ["y"], domain="ai.onnx.ml")],
        {},
        {"x": ["n", 8]},
        {"y": ["n", 8]},
    )
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 1))
    imported(model, tmp_path, ROWS)


def half_branches(kind):
    """y = relu(x w) if its sum is positive, else a constant of the inner graph; all in one float type."""
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    out = helper.make_tensor_value_info("r", kind, ["n", 4])
    then = helper.make_graph([helper.make_node("Relu", ["m"], ["r"])], "then", [], [out])
    other = helper.make_graph(
        [helper.make_node("Mul", ["m", "half"], ["q"])],
        "else",
        [],
        [helper.make_tensor_value_info("q", kind, ["n", 4])],
        [numpy_helper.from_array(np.array(0.5, dtype), "half")],
    )
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["m"]),
        helper.make_node("ReduceSum", ["m"], ["sum"], keepdims=0),
        helper.make_node("Cast", ["zero"], ["low"], to=kind),
        helper.make_node("Greater", ["sum", "low"], ["positive"]),
        helper.make_node("If", ["positive"], ["y"], then_branch=then, else_branch=other),
    ]
    weights = {"w": normal(0, 8, 4).astype(dtype), "zero": np.zeros((), "f4")}
    return graph_of(nodes, weights, {"x": ["n", 8]}, {"y": ["n", 4]}, kind=kind)


@pytest.mark.parametrize(
    ("kind", "dtype", "tolerance"), [(TensorProto.FLOAT16, "f2", 0.01), (TensorProto.DOUBLE, "f8", 1e-5)]
)
def test_other_floats_are_computed_in_float32_behind_the_same_interface(tmp_path, kind, dtype, tolerance):
    rows = [{"x": normal(seed, 1, 8, dtype=dtype)} for seed in range(4)]
    baseline, record = imported(half_branches(kind), tmp_path, rows)
    inner = onnx.ModelProto()
    inner.CopyFrom(baseline)
    del inner.graph.input[:], inner.graph.output[:]
    assert kind not in float_types(inner)
    assert [v.type.tensor_type.elem_type for v in (*baseline.graph.input, *baseline.graph.output)] == [
        kind
    ] * 2
    assert any("computes" in note for note in record.notes)
    for row in rows:
        before, after = (
            run(tmp_path / "source.onnx", row)["y"],
            run(tmp_path / "baseline" / "model.onnx", row)["y"],
        )
        assert before.dtype == after.dtype == np.dtype(dtype)
        np.testing.assert_allclose(before, after, atol=tolerance)


def test_a_cast_to_float64_within_a_float32_model_stays(tmp_path):
    nodes = [
        helper.make_node("Cast", ["x"], ["d"], to=TensorProto.DOUBLE),
        helper.make_node("CumSum", ["d", "axis"], ["c"]),
        helper.make_node("Cast", ["c"], ["y"], to=TensorProto.FLOAT),
    ]
    model = graph_of(nodes, {"axis": np.array(1)}, {"x": ["n", 8]}, {"y": ["n", 8]})
    baseline, record = imported(model, tmp_path, ROWS)
    assert "Cast" in {node.op_type for node in baseline.graph.node}
    assert record.notes == ()


def test_numbers_beyond_float32_become_its_ends(tmp_path):
    weights = {"w": normal(0, 8, 4, dtype="f8"), "least": np.array([-1e308, 0, 0, -np.inf])}
    nodes = [helper.make_node("MatMul", ["x", "w"], ["m"]), helper.make_node("Max", ["m", "least"], ["y"])]
    model = graph_of(nodes, weights, {"x": ["n", 8]}, {"y": ["n", 4]}, kind=TensorProto.DOUBLE)
    baseline, _ = imported(model, tmp_path, [{"x": normal(1, 1, 8, dtype="f8")}])
    values = {t.name: numpy_helper.to_array(t) for t in baseline.graph.initializer}["least"]
    np.testing.assert_array_equal(values, np.array([np.finfo("f4").min, 0, 0, -np.inf], "f4"))


def test_a_plain_float32_model_of_today_keeps_its_nodes(tmp_path):
    baseline, record = imported(linear(opset=17), tmp_path, ROWS)
    assert [node.op_type for node in all_nodes(baseline)] == ["Gemm", "Relu"]
    assert record.notes == ()


def test_a_softmax_of_old_that_an_inner_graph_reads_is_converted(tmp_path):
    out = helper.make_tensor_value_info("o", TensorProto.FLOAT, None)
    bodies = [
        helper.make_graph([helper.make_node(kind, ["s"], ["o"])], kind, [], [out]) for kind in ("Neg", "Exp")
    ]
    nodes = [
        helper.make_node("Softmax", ["x"], ["s"]),
        helper.make_node("If", ["yes"], ["y"], then_branch=bodies[0], else_branch=bodies[1]),
    ]
    weights = {"yes": np.array(True)}
    model = graph_of(nodes, weights, {"x": ["n", 3, 8]}, {"y": None}, opset=11, ir_version=6)
    baseline, _ = imported(model, tmp_path, [{"x": normal(0, 1, 3, 8)}])
    assert baseline.opset_import[0].version == OPSET
