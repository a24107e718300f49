"""Evaluate models with all their floats as float64, by ONNX's reference evaluator."""

from collections.abc import Sequence

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator

from inc_mlflow.arrays import Arrays


def in_float64(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy whose constants, inputs, outputs and casts are float64 where they were float32."""
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    del wide.graph.value_info[:]
    for tensor in wide.graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype("f8"), tensor.name))
    for value in (*wide.graph.input, *wide.graph.output):
        if value.type.tensor_type.elem_type == TensorProto.FLOAT:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    for node in wide.graph.node:
        for attribute in node.attribute:
            if (node.op_type, attribute.name) == ("Cast", "to") and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.DOUBLE
    return wide


def evaluated(model: onnx.ModelProto, rows: Sequence[Arrays]) -> list[Arrays]:
    """Return the outputs of each row, its floats taken as float64."""
    session = ReferenceEvaluator(in_float64(model))
    names = session.output_names
    wide = [{name: a.astype("f8") if a.dtype == np.float32 else a for name, a in row.items()} for row in rows]
    return [dict(zip(names, session.run(None, row), strict=True)) for row in wide]
