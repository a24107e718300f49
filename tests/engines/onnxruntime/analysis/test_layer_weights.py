"""Weights of layers as frameworks have them, outputs first."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from inc_mlflow.engines.onnxruntime.analysis.layer_weights import layer_weights


def test_weights_have_their_outputs_first_whichever_operator_reads_them(tmp_path):
    rng = np.random.default_rng(0)
    arrays = {
        "conv": rng.random((4, 1, 3, 3), dtype="f4"),
        "matmul": rng.random((16, 8), dtype="f4"),
        "gemm": rng.random((2, 8), dtype="f4"),
        "shape": np.array([0, -1]),
    }
    nodes = [
        helper.make_node("Conv", ["x", "conv"], ["a"]),
        helper.make_node("Reshape", ["a", "shape"], ["b"]),
        helper.make_node("MatMul", ["b", "matmul"], ["c"]),
        helper.make_node("Gemm", ["c", "gemm"], ["y"], transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "layers",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, 4, 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 2])],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), tmp_path / "m.onnx")
    found = list(layer_weights(tmp_path / "m.onnx"))
    for array, true in zip(found, [arrays["conv"], arrays["matmul"].T, arrays["gemm"]], strict=True):
        np.testing.assert_array_equal(array, true)
