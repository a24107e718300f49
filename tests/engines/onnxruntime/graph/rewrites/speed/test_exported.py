"""What exporters leave, imported as a whole: layout of TensorFlow, gates of a recurrent layer."""

import numpy as np
from onnx import helper

from tests.support.imports import graph_of, imported, normal
from tests.support.rewritten import kinds

CHANNELS_FIRST, CHANNELS_LAST = [0, 3, 1, 2], [0, 2, 3, 1]


def layer(number, given, kind, weights, **attributes):
    """A layer that computes with channels first between two transposes, as tf2onnx writes it."""
    return [
        helper.make_node("Transpose", [given], [f"f{number}"], perm=CHANNELS_FIRST),
        helper.make_node(kind, [f"f{number}", *weights], [f"g{number}"], **attributes),
        helper.make_node("Transpose", [f"g{number}"], [f"h{number}"], perm=CHANNELS_LAST),
    ]


def test_transposes_of_a_layout_meet_and_go(tmp_path):
    nodes = [
        *(helper.make_node("Mul", ["x", "scale"], ["s"]), helper.make_node("Sub", ["s", "1"], ["c"])),
        *layer(0, "c", "Conv", ["w"], auto_pad="SAME_UPPER"),
        *(helper.make_node("Relu", ["h0"], ["r"]), helper.make_node("Min", ["r", "6"], ["m"])),
        *(
            helper.make_node("Max", ["m", "0"], ["clipped"]),
            *layer(1, "clipped", "MaxPool", [], kernel_shape=[2, 2]),
        ),
        *layer(2, "h1", "Conv", ["k"], auto_pad="SAME_UPPER"),
        helper.make_node("Concat", ["h1", "h2"], ["joined"], axis=3),
        *layer(3, "joined", "BatchNormalization", ["g", "b", "b", "v"]),
        helper.make_node("ReduceMean", ["h3"], ["y"], axes=[1, 2], keepdims=0),
    ]
    numbers = {name: np.array(float(name), "f4") for name in "016"} | {"scale": np.array(2 / 255, "f4")}
    weights = {"w": normal(0, 8, 3, 3, 3), "k": normal(1, 8, 8, 1, 1), "b": normal(2, 16)}
    weights |= {"g": np.abs(normal(3, 16)) + 0.5, "v": np.abs(normal(4, 16)) + 0.5} | numbers
    rows = [{"x": normal(5, 1, 8, 8, 3)}]
    model = graph_of(nodes, weights, {"x": ["n", 8, 8, 3]}, {"y": ["n", 16]}, opset=13)
    baseline, _ = imported(model, tmp_path, rows)
    found = kinds(baseline)
    assert found.count("Transpose") == 1
    assert found[0] == "Transpose"
    assert {"Mul", "Min", "Max", "BatchNormalization"} & set(found) == set()


def test_gates_that_are_cut_and_joined_from_constants_are_constants(tmp_path):
    """torch orders the gates i, f, g, o, ONNX i, o, f, g: its exporter leaves the change in the graph."""
    size, nodes = 4, []
    for name in ("w", "r"):
        parts = []
        for start, end in ((0, 1), (3, 4), (1, 3)):
            limits = [f"{start * size}", f"{end * size}"]
            nodes.append(helper.make_node("Slice", [name, *limits, "0"], [f"{name}{start}"]))
            parts.append(f"{name}{start}")
        nodes.append(helper.make_node("Concat", parts, [f"{name}o"], axis=0))
        nodes.append(helper.make_node("Unsqueeze", [f"{name}o", "0"], [f"{name}u"]))
    nodes += [
        helper.make_node("LSTM", ["x", "wu", "ru"], ["all", "y"], hidden_size=size),
    ]
    limits = {f"{number * size}": np.array([number * size]) for number in range(5)}
    weights = {"w": normal(0, 4 * size, 3), "r": normal(1, 4 * size, size)} | limits
    model = graph_of(nodes, weights, {"x": [5, 1, 3]}, {"y": [1, 1, size]})
    baseline, _ = imported(model, tmp_path, [{"x": normal(2, 5, 1, 3)}])
    constants = {tensor.name for tensor in baseline.graph.initializer}
    assert kinds(baseline) == ["LSTM"]
    assert set(baseline.graph.node[0].input[1:3]) <= constants
