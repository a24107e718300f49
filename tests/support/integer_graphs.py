"""Graphs of one integer operator from x to y."""

import numpy as np
from onnx import helper, numpy_helper


def qlinear(weights, scale=1.0, zero=0, activation=np.uint8, **attributes):
    """QLinearConv from x to y; activations have scale 1 and zero point 0, weights scale 1."""
    constants = {
        "one": np.array(1, "f4"),
        "nil": np.array(0, activation),
        "w": weights,
        "wz": np.array(0, weights.dtype),
    }
    constants |= {"s": np.array(scale, "f4"), "z": np.array(zero, activation)}
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(activation))
    node = helper.make_node(
        "QLinearConv", ["x", "one", "nil", "w", "one", "wz", "s", "z"], ["y"], name="layer", **attributes
    )
    return wrap([node], constants, kind, kind)


def wrap(nodes, constants, given_type, result_type):
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", given_type, None)],
        [helper.make_tensor_value_info("y", result_type, None)],
        [numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)
