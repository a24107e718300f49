"""What ONNX Runtime's quantiser would get wrong: each graph is right in both formats, and INT8 where it can."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from inc_mlflow.engines.onnxruntime.calibration.collect import collect
from inc_mlflow.engines.onnxruntime.graph.model_file import MODEL, all_nodes, read_structure
from inc_mlflow.engines.onnxruntime.graph.normalize import normalize
from inc_mlflow.engines.onnxruntime.options import Static
from inc_mlflow.engines.onnxruntime.runtime.runner import Runner
from tests.support.graphs import model
from tests.support.onnx_candidates import quantize

GENERATOR = np.random.default_rng(0)
ROWS = [{"x": GENERATOR.normal(0, 2, (1, 4, 8, 8)).astype("f4")} for _ in range(8)]
WEIGHTS = {
    "w": GENERATOR.normal(0, 0.4, (4, 4, 3, 3)).astype("f4"),
    "b": GENERATOR.normal(0, 1, 4).astype("f4"),
    "v": GENERATOR.normal(0, 0.4, (4, 4, 3, 3)).astype("f4"),
    "u": GENERATOR.normal(0, 0.4, (4, 2, 1, 1)).astype("f4"),
    "zero": np.array(0, "f4"),
    "one": np.array(1, "f4"),
    "six": np.array(6, "f4"),
    "minus": np.array(-1, "f4"),
    "flat": np.array([1, 4, 8, 8]),
    "pads": np.array([0, 0, 1, 1, 0, 0, 1, 1]),
    "halves": np.array([2, 2]),
    "scales": np.array([1, 1, 2, 2], "f4"),
    "low": np.array(-1e4, "f4"),
}
CONV = [helper.make_node("Conv", ["x", "w", "b"], ["c"], name="first", pads=[1, 1, 1, 1])]
LAST = [helper.make_node("Conv", ["r", "v"], ["y"], name="last", pads=[1, 1, 1, 1])]


def node(kind, inputs, outputs, **attributes):
    return helper.make_node(kind, inputs, outputs, name=f"{kind}_{outputs[0]}", **attributes)


def behind(*nodes):
    """A convolution, something that passes on its scale, a Relu, and another convolution."""
    return [*CONV, *nodes, node("Relu", ["p"], ["r"]), *LAST]


def clip(low, high):
    return [*CONV, node("Clip", ["c", low, high], ["r"]), *LAST]


def branch(read):
    """An If whose branches read a tensor of the outer graph."""
    value = helper.make_tensor_value_info("s", TensorProto.FLOAT, None)
    bodies = [
        helper.make_graph([helper.make_node(kind, [read], ["s"])], kind, [], [value])
        for kind in ("Neg", "Exp")
    ]
    return helper.make_node("If", ["k"], ["i"], name="if", then_branch=bodies[0], else_branch=bodies[1])


CONDITION = [
    helper.make_node("ReduceSum", ["x"], ["sum"], keepdims=0, name="sum"),
    helper.make_node("Less", ["sum", "zero"], ["k"], name="less"),
]
CASES = {
    "MaxPool": behind(
        node("MaxPool", ["c"], ["p"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    ),
    "Reshape": behind(node("Reshape", ["c", "flat"], ["p"])),
    "Transpose": behind(node("Transpose", ["c"], ["p"], perm=[0, 1, 3, 2])),
    "Pad": behind(node("Pad", ["c", "pads"], ["p"])),
    "Pad with a constant": behind(node("Pad", ["c", "pads", "low"], ["p"])),
    "Resize": behind(node("Resize", ["c", "", "scales"], ["p"], mode="nearest")),
    "Resize cubic": behind(node("Resize", ["c", "", "scales"], ["p"], mode="cubic")),
    "Split": behind(
        node("Split", ["c", "halves"], ["p1", "p2"], axis=1), node("Concat", ["p1", "p2"], ["p"], axis=1)
    ),
    "two in a row": behind(node("Clip", ["c", "", "six"], ["p"])),
    "Relu, Relu": behind(node("Relu", ["c"], ["p"])),
    "Clip from 0": clip("zero", "six"),
    "Clip around 0": clip("minus", "six"),
    "Clip from 1": clip("one", "six"),
    "Clip to -1": clip("", "minus"),
    "Clip to a computed bound": [node("ReduceMax", ["x"], ["top"], keepdims=0), *clip("zero", "top")],
    "read before the Relu": [
        *CONV,
        node("Relu", ["c"], ["p"]),
        node("Add", ["p", "c"], ["r"]),
        *LAST,
    ],
    "an input read by Relu": [
        *CONV,
        node("Relu", ["x"], ["p"]),
        node("Add", ["p", "c"], ["r"]),
        *LAST,
    ],
    "a branch reads before the Relu": [
        *CONDITION,
        *CONV,
        branch("c"),
        node("Relu", ["c"], ["p"]),
        node("Add", ["p", "i"], ["r"]),
        *LAST,
    ],
    "a branch reads behind the Relu": [
        *CONDITION,
        *CONV,
        node("Relu", ["c"], ["p"]),
        branch("p"),
        node("Conv", ["p", "v"], ["q"]),
        node("GlobalAveragePool", ["q"], ["g"]),
        node("Add", ["g", "i"], ["r"]),
        *LAST,
    ],
    "Where of quantised tensors": [
        *CONV,
        node("Less", ["x", "zero"], ["k"]),
        node("Relu", ["c"], ["p"]),
        node("Where", ["k", "p", "low"], ["m"]),
        node("Softmax", ["m"], ["r"], axis=-1),
        *LAST,
    ],
    "a finite mask": [
        *CONV,
        node("Less", ["x", "zero"], ["k"]),
        node("Cast", ["k"], ["f"], to=TensorProto.FLOAT),
        node("Mul", ["f", "low"], ["mask"]),
        node("Add", ["c", "mask"], ["m"]),
        node("Softmax", ["m"], ["r"], axis=-1),
        *LAST,
    ],
    "transposed convolution in groups": [
        *CONV,
        node("ConvTranspose", ["c", "u", "b"], ["r"], group=2),
        *LAST,
    ],
    "an output before the Relu": [*CONV, node("Relu", ["c"], ["r"]), node("Conv", ["r", "v"], ["y"])],
    "Gemm with factors": [
        *CONV,
        node("ReduceMean", ["c"], ["m"], axes=[0, 1], keepdims=0),
        node("Transpose", ["m"], ["t"], perm=[1, 0]),
        node("Gemm", ["m", "t", "m"], ["r1"], alpha=0.5, beta=3.0),
        node("Reshape", ["r1", "one_by_one"], ["r2"]),
        node("Add", ["c", "r2"], ["r"]),
        *LAST,
    ],
}


def imported(name, folder):
    nodes = CASES[name]
    weights = WEIGHTS | {"one_by_one": np.array([1, 1, 8, 8])}
    used = {name for one in nodes for name in one.input}
    graph = model(
        nodes,
        {name: array for name, array in weights.items() if name in used},
        {"x": [1, 4, 8, 8]},
        {"c": None, "y": None} if name == "an output before the Relu" else {"y": None},
        17,
    )
    onnx.save(graph, folder / "source.onnx")
    (folder / "baseline").mkdir()
    normalize(folder / "source.onnx", folder / "baseline")
    return folder / "baseline" / MODEL


@pytest.mark.parametrize("quant_format", ["QDQ", "QOperator"])
@pytest.mark.parametrize("name", CASES)
def test_a_graph_that_the_quantiser_gets_wrong_is_right(name, quant_format, tmp_path):
    baseline = imported(name, tmp_path)
    ranges = collect(baseline, ROWS, threads=1)
    quantize(baseline, ranges, Static(quant_format=quant_format), tmp_path / "int8.onnx")
    before, after = Runner(baseline, threads=1), Runner(tmp_path / "int8.onnx", threads=1)
    for output in before.outputs:
        true, found = (np.stack([run(row)[output] for row in ROWS]) for run in (before, after))
        assert np.sqrt(np.mean((true - found) ** 2) / np.mean(true**2)) < 0.15, output


def operators(name, tmp_path):
    baseline = imported(name, tmp_path)
    quantize(baseline, collect(baseline, ROWS, 1), Static(quant_format="QOperator"), tmp_path / "int8.onnx")
    return [one.op_type for one in all_nodes(read_structure(tmp_path / "int8.onnx"))]


@pytest.mark.parametrize("name", ["Clip from 0", "Clip around 0", "two in a row", "Relu, Relu"])
def test_what_the_quantiser_gets_right_is_absorbed_as_before(name, tmp_path):
    found = operators(name, tmp_path)
    assert found.count("QLinearConv") == 2
    assert not {"Relu", "Clip"} & set(found)


@pytest.mark.parametrize("name", ["MaxPool", "Clip from 1", "read before the Relu"])
def test_only_what_would_be_wrong_stays_float(name, tmp_path):
    found = operators(name, tmp_path)
    assert found.count("QLinearConv") == 2
    assert {"Relu", "Clip"} & set(found)


@pytest.mark.parametrize("quant_format", ["QDQ", "QOperator"])
@pytest.mark.parametrize("classes", [4, 1000])
def test_a_softmax_over_many_classes_keeps_its_small_values(classes, quant_format, tmp_path):
    weights = {"w": GENERATOR.normal(0, 0.05, (8, classes)).astype("f4")}
    nodes = [node("MatMul", ["x", "w"], ["m"]), node("Softmax", ["m"], ["y"])]
    onnx.save(model(nodes, weights, {"x": [1, 8]}, {"y": [1, classes]}, 17), tmp_path / "source.onnx")
    normalize(tmp_path / "source.onnx", tmp_path)
    rows = [{"x": GENERATOR.normal(0, 1, (1, 8)).astype("f4")} for _ in range(8)]
    ranges = collect(tmp_path / MODEL, rows, threads=1)
    quantize(tmp_path / MODEL, ranges, Static(quant_format=quant_format), tmp_path / "int8.onnx")
    before, after = (Runner(tmp_path / name, threads=1) for name in (MODEL, "int8.onnx"))
    true, found = (np.stack([run(row)["y"] for row in rows]) for run in (before, after))
    assert np.sqrt(np.mean((true - found) ** 2) / np.mean(true**2)) < 0.05
    absorbed = "QLinearSoftmax" in {one.op_type for one in all_nodes(read_structure(tmp_path / "int8.onnx"))}
    assert absorbed == (quant_format == "QOperator" and classes == 4)
