"""A model whose loop has no end where its input is not negative."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save


def endless(path: Path, *, constant: bool = False) -> Path:
    """Write ``y = x.

    While x[0] >= 0: y = y + x``; with ``constant`` an optimiser knows beforehand that it goes on.
    """
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [helper.make_node("Add", ["v", "step"], ["v2"]), helper.make_node("Identity", ["going"], ["going2"])],
        "body",
        [
            value("i", TensorProto.INT64, []),
            value("going", TensorProto.BOOL, []),
            value("v", TensorProto.FLOAT, [None, 2]),
        ],
        [value("going2", TensorProto.BOOL, []), value("v2", TensorProto.FLOAT, [None, 2])],
        [numpy_helper.from_array(np.float32(1), "step")],
    )
    test = [
        helper.make_node("ReduceMin", ["x"], ["least"], keepdims=0),
        helper.make_node("GreaterOrEqual", ["least", "zero"], ["first"]),
    ]
    start = "ones" if constant else "x"
    loop = helper.make_node("Loop", ["", "yes" if constant else "first", start], ["z"], body=body)
    graph = helper.make_graph(
        [*test, loop, helper.make_node("Add", ["x", "z"], ["y"])],
        "endless",
        [value("x", TensorProto.FLOAT, ["n", 2])],
        [value("y", TensorProto.FLOAT, ["n", 2])],
        [
            numpy_helper.from_array(np.float32(0), "zero"),
            numpy_helper.from_array(np.array(True), "yes"),
            numpy_helper.from_array(np.ones((1, 2), np.float32), "ones"),
        ],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path
