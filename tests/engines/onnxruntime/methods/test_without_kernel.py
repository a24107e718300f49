"""Operators that ONNX Runtime's quantiser writes though no kernel computes them stay FP32; the others do not."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from inc_mlflow.engines.onnxruntime.calibration.collect import collect
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL, read_structure
from inc_mlflow.engines.onnxruntime.options import Dynamic, Static
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
from tests.support.imports import graph_of, imported, normal
from tests.support.onnx_candidates import quantize

WIDE = [{"x": normal(seed, 1, 3, 8)} for seed in range(6)]
IMAGES = [{"x": normal(seed, 1, 4, 8, 8)} for seed in range(6)]
DENSE = helper.make_node("MatMul", ["x", "w"], ["m"], name="dense")
RECIPES = [Static(quant_format="QOperator"), Static(), Dynamic()]


def candidate(model, rows, recipe, tmp_path):
    """The candidate's operators by node, once its outputs are near the baseline's."""
    imported(model, tmp_path, rows)
    baseline, target = tmp_path / "baseline" / MODEL, tmp_path / "int8.onnx"
    ranges = collect(baseline, rows, threads=1) if isinstance(recipe, Static) else None
    quantize(baseline, ranges, recipe, target)
    before, after = Runner(baseline, threads=1), Runner(target, threads=1)
    for output in before.outputs:
        true, found = (np.stack([run(row)[output] for row in rows]) for run in (before, after))
        assert np.sqrt(np.mean((true - found) ** 2) / np.mean(true**2)) < 0.1, output
    return {node.name: node.op_type for node in read_structure(target).graph.node}


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.label())
@pytest.mark.parametrize("shape", [(8,), (1, 8, 5), (3, 3)])
def test_a_product_with_a_vector_or_a_stack_of_matrices(shape, recipe, tmp_path):
    last = helper.make_node("MatMul", ["m", "v"] if shape != (3, 3) else ["v", "m"], ["y"], name="last")
    model = graph_of(
        [DENSE, last], {"w": normal(0, 8, 8), "v": normal(1, *shape)}, {"x": ["n", 3, 8]}, {"y": None}
    )
    found = candidate(model, WIDE, recipe, tmp_path)
    assert (
        "MatMul" not in {kind for name, kind in found.items() if name.startswith("dense")}
        or recipe == Static()
    )


@pytest.mark.parametrize("recipe", RECIPES[:2], ids=lambda recipe: recipe.label())
def test_a_dilated_average(recipe, tmp_path):
    nodes = [
        helper.make_node("AveragePool", ["x"], ["a"], kernel_shape=[2, 2], dilations=[2, 2], name="pool"),
        helper.make_node("Conv", ["a", "k"], ["y"], name="conv"),
    ]
    model = graph_of(
        nodes, {"k": normal(0, 4, 4, 3, 3)}, {"x": ["n", 4, 8, 8]}, {"y": None}, opset=19, ir_version=9
    )
    candidate(model, IMAGES, recipe, tmp_path)


def test_the_attention_of_the_standard_is_not_that_of_onnx_runtime(tmp_path):
    nodes = [
        DENSE,
        helper.make_node(
            "Attention", ["m", "m", "m"], ["y"], q_num_heads=2, kv_num_heads=2, name="attention"
        ),
    ]
    model = graph_of(nodes, {"w": normal(0, 8, 8)}, {"x": ["n", 3, 8]}, {"y": None}, opset=23, ir_version=11)
    assert candidate(model, WIDE, Dynamic(), tmp_path)["attention"] == "Attention"


@pytest.mark.parametrize("quant_format", ["QDQ", "QOperator"])
def test_no_dequantised_tensor_reaches_a_loop_over_a_reshape(quant_format, tmp_path):
    # ONNX Runtime aborts the process that loads such a model, so the structure is looked at before it is run.
    info = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Add", ["s", "u"], ["t"]), helper.make_node("Identity", ["on"], ["go"])],
        "body",
        [
            info("i", TensorProto.INT64, []),
            info("on", TensorProto.BOOL, []),
            info("s", TensorProto.FLOAT, None),
        ],
        [info("go", TensorProto.BOOL, []), info("t", TensorProto.FLOAT, None)],
    )
    nodes = [
        helper.make_node("Unsqueeze", ["x", "axis"], ["u"], name="unsqueeze"),
        helper.make_node("Loop", ["two", "yes", "u"], ["l"], body=body, name="loop"),
        helper.make_node("Conv", ["x", "k"], ["c"], name="conv"),
        helper.make_node("ReduceMean", ["l"], ["r"], keepdims=0, name="mean"),
        helper.make_node("Add", ["c", "r"], ["y"], name="add"),
    ]
    weights = {"k": normal(0, 4, 4, 1, 1), "axis": np.array([1]), "two": np.array(2), "yes": np.array(True)}
    imported(graph_of(nodes, weights, {"x": [1, 4, 8, 8]}, {"y": None}), tmp_path, IMAGES)
    baseline, target = tmp_path / "baseline" / MODEL, tmp_path / "int8.onnx"
    quantize(baseline, collect(baseline, IMAGES, threads=1), Static(quant_format=quant_format), target)
    made = {name: node.op_type for node in onnx.load(target).graph.node for name in node.output}
    (loop,) = (node for node in onnx.load(target).graph.node if node.op_type == "Loop")
    (add,) = (node for node in loop.attribute[0].g.node if node.op_type == "Add")
    assert [made[name] for name in add.input if name in made] == ["Sum"]
    Runner(target, threads=1)(IMAGES[0])
