"""Find out which kind of INT8 kernels this process runs."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from inc_mlflow.engines.onnxruntime.runtime.session import open_proto, options

_ROWS, _DEPTH, _COLUMNS = 4, 64, 16
_U8, _S8 = 255, 127


def saturates() -> bool:
    """Tell whether sums of pairs saturate in int16, by multiplying the largest u8 and s8 values.

    They saturate on x86 CPUs without VNNI, where the same model gives other outputs.
    """
    session = open_proto(_product(), Path(), options(threads=1))
    (sums,) = session.run(None, {"x": np.full((_ROWS, _DEPTH), _U8, np.uint8)})
    return bool((sums < _DEPTH * _U8 * _S8).any())


def _product() -> onnx.ModelProto:
    weights = np.full((_DEPTH, _COLUMNS), _S8, np.int8)
    graph = helper.make_graph(
        [helper.make_node("MatMulInteger", ["x", "w"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, [_ROWS, _DEPTH])],
        [helper.make_tensor_value_info("y", TensorProto.INT32, [_ROWS, _COLUMNS])],
        [numpy_helper.from_array(weights, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
