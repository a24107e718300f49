"""Compute on the rows of a constant table, once, what is computed on each row that is read from it."""

import math
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from inc_mlflow.engines.onnxruntime.graph.attributes import attribute
from inc_mlflow.engines.onnxruntime.graph.rewrites.opset import OPSET
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.edited_graph import EditedGraph
from inc_mlflow.engines.onnxruntime.graph.rewrites.speed.rule import Rule
from inc_mlflow.engines.onnxruntime.runtime.session import open_proto, options

_ELEMENTWISE = (
    *("Abs", "Add", "Clip", "Cos", "Div", "Elu", "Erf", "Exp", "HardSigmoid", "LeakyRelu", "Log", "Max"),
    *("Min", "Mul", "Neg", "Pow", "Reciprocal", "Relu", "Sigmoid", "Sin", "Softplus", "Sqrt", "Sub", "Tanh"),
)
_LARGEST = 1 << 20
"""Elements of a table: each operator on it may leave a table of its own in the model."""


def _apply(graph: EditedGraph) -> int:
    return sum(_fold(graph, node) for node in graph.nodes(*_ELEMENTWISE))


def _fold(graph: EditedGraph, node: onnx.NodeProto) -> bool:
    reads = [_read(graph, name) for name in node.input]
    indices = {ids for _, ids in filter(None, reads)}
    if len(indices) != 1:
        return False
    (ids,) = indices
    first = next(read[0] for read in reads if read is not None)
    rank, rows = len(graph.shape(ids) or ()) + first.ndim - 1, first.shape
    operands = []
    for name, read in zip(node.input, reads, strict=True):
        operand = read[0] if read is not None else _row_constant(graph, name, rank, rows)
        if operand is None or (read is not None and operand.shape != rows):
            return False
        operands.append(operand)
    table = _computed(node, operands)
    if table.shape != rows or not np.isfinite(table).all():
        return False
    graph.put(node, "Gather", [graph.new_constant(table, f"{node.output[0]}_table"), ids], axis=0)
    return True


def _read(graph: EditedGraph, name: str) -> tuple[np.ndarray, str] | None:
    """Return table and indices where a tensor is made of rows of a small constant table."""
    gather = graph.maker(name, "Gather")
    if gather is None or attribute(gather, "axis", 0) != 0 or graph.shape(gather.input[1]) is None:
        return None
    shape = graph.constant_shape(gather.input[0])
    if shape is None or len(shape) < 2 or math.prod(shape) > _LARGEST:
        return None
    table = graph.floats(gather.input[0])
    return None if table is None else (table, gather.input[1])


def _row_constant(graph: EditedGraph, name: str, rank: int, rows: tuple[int, ...]) -> np.ndarray | None:
    """Return a constant that meets every row alike, without the axes before a row's; None for any other."""
    constant = graph.floats(name)
    if constant is None or constant.ndim > rank:
        return None
    extra = max(constant.ndim - len(rows) + 1, 0)
    if any(length != 1 for length in constant.shape[:extra]):
        return None
    return constant.reshape(constant.shape[extra:])


def _computed(node: onnx.NodeProto, operands: list[np.ndarray]) -> np.ndarray:
    """Return what ONNX Runtime computes for these inputs, float32."""
    names = [f"operand_{number}" for number in range(len(operands))]
    own = onnx.NodeProto()
    own.CopyFrom(node)
    own.input[:], own.output[:] = names, ["table"]
    output = helper.make_tensor_value_info("table", onnx.TensorProto.FLOAT, None)
    constants = [numpy_helper.from_array(one, name) for one, name in zip(operands, names, strict=True)]
    graph = helper.make_graph([own], "table", [], [output], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    return np.asarray(open_proto(model, Path(), options(threads=1)).run(None, {})[0])


TABLES = Rule("constant tables", _apply)
