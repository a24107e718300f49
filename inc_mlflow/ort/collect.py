"""Calibration: one streaming pass over the rows that keeps only statistics."""

from collections.abc import Iterable
from itertools import chain
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

from inc_mlflow.errors import ModelError
from inc_mlflow.ort.model import graph_inputs, read_structure
from inc_mlflow.ort.ranges import MinMax, Ranges
from inc_mlflow.ort.runner import fixed_batch, padded
from inc_mlflow.ort.session import RUNTIME_ERRORS, one_line, open_proto, options
from inc_mlflow.storage import model_sha256

QUANTIZABLE = frozenset(QDQRegistry) | frozenset(QLinearOpsRegistry)
"""Operators that ONNX Runtime's static quantiser handles."""
_FLOATS = {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16}
_CLIPPING = {"Relu", "Clip"}


def collect(baseline: Path, batches: Iterable[dict[str, np.ndarray]], threads: int) -> Ranges:
    """Run ``batches`` through the baseline and return the ranges; memory does not grow with the number of rows."""
    model = read_structure(baseline)
    names = needed_tensors(model)
    fed = {value.name for value in graph_inputs(model)}
    fetched = [name for name in names if name not in fed]
    session = open_proto(_with_outputs(model, fetched), baseline.parent, options(threads))
    batch = fixed_batch(value.shape for value in session.get_inputs())
    found: dict[str, MinMax] = {}
    rows = 0
    for inputs in batches:
        rows += len(next(iter(inputs.values())))
        try:
            values = session.run(fetched, padded(inputs, batch))
        except RUNTIME_ERRORS as error:
            raise ModelError(f"{baseline}: onnxruntime cannot run calibration rows: {one_line(error)}") from error
        seen = [(name, inputs[name]) for name in names if name in fed]
        for name, array in chain(seen, zip(fetched, values, strict=True)):
            part = MinMax.of(name, array)
            found[name] = found[name].merge(part) if name in found else part
    return Ranges(model_sha256(baseline), rows, dict(sorted(found.items())))


def needed_tensors(model: onnx.ModelProto) -> list[str]:
    """Return the float activations around quantisable operators, in graph order.

    Left out is what only a Relu or Clip reads: ONNX Runtime's quantiser gives such a tensor the range of the clipped
    one, and fetching it would keep the pair from being fused.
    """
    types = _float_activations(model)
    clipped = set(clipped_inputs(model))
    around = chain.from_iterable((*node.input, *node.output) for node in model.graph.node if node.op_type in QUANTIZABLE)
    return list(dict.fromkeys(name for name in around if name in types and name not in clipped))


def clipped_inputs(model: onnx.ModelProto) -> dict[str, str]:
    """Map each tensor that only one Relu or Clip reads to that operator's output."""
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    outputs = {value.name for value in model.graph.output}
    return {
        name: nodes[0].output[0]
        for name, nodes in readers.items()
        if len(nodes) == 1 and nodes[0].op_type in _CLIPPING and nodes[0].input[0] == name and name not in outputs
    }


def _float_activations(model: onnx.ModelProto) -> set[str]:
    graph = model.graph
    initializers = {tensor.name for tensor in graph.initializer}
    values = chain(graph.value_info, graph.output, graph.input)
    return {v.name for v in values if v.type.tensor_type.elem_type in _FLOATS and v.name not in initializers}


def _with_outputs(model: onnx.ModelProto, names: list[str]) -> onnx.ModelProto:
    """Make ``names`` graph outputs, without shapes: the rows decide those."""
    present = {value.name for value in model.graph.output}
    types = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    added = [onnx.helper.make_tensor_value_info(name, types[name], None) for name in names if name not in present]
    model.graph.output.extend(added)
    return model
