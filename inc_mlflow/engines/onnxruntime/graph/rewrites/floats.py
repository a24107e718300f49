"""Compute in float32 what a source computes in float16, bfloat16 or float64.

INT8 kernels read and write float32 only. Inputs and outputs of the model keep their types, by casts.
"""

from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import onnx

from inc_mlflow.engines.onnxruntime.graph.initializers import replace, values
from inc_mlflow.engines.onnxruntime.graph.model_file import tensors
from inc_mlflow.engines.onnxruntime.graph.renaming import all_graphs, separate_inputs, separate_outputs
from inc_mlflow.engines.onnxruntime.graph.rewrites.rewrite import Rewrite

_FLOAT = onnx.TensorProto.FLOAT
_TYPED = {"to", "dtype", "output_dtype", "output_datatype", "stash_type", "softmax_precision"}
"""Attributes of operators that name a tensor type."""
PRECISIONS = {
    onnx.TensorProto.FLOAT16: "float16",
    onnx.TensorProto.BFLOAT16: "bfloat16",
    onnx.TensorProto.DOUBLE: "float64",
}


def float_types(model: onnx.ModelProto) -> set[int]:
    """Return the types besides float32 in which a model computes, as far as its file says."""
    found = {tensor.data_type for tensor in tensors(model)}
    for graph in all_graphs(model.graph):
        found |= {kind for value in _values(graph) for kind in _element_types(value.type)}
        found |= {
            attribute.i for node in graph.node for attribute in node.attribute if attribute.name in _TYPED
        }
    return found & PRECISIONS.keys()


def _to_float32(model: onnx.ModelProto, folder: Path, kinds: frozenset[int]) -> onnx.ModelProto | None:
    if not kinds & _of_values(model):
        return None
    given = {v.name: v.type.tensor_type.elem_type for v in model.graph.input if _is_of(v, kinds)}
    made = {v.name: v.type.tensor_type.elem_type for v in model.graph.output if _is_of(v, kinds)}
    passed = given.keys() & made.keys()
    for tensor in tensors(model):
        if tensor.data_type in kinds:
            replace(tensor, _saturated(values(tensor, folder)))
    for graph in all_graphs(model.graph):
        _retype(graph, kinds, interface=graph is not model.graph)
    separate_outputs(model, made.keys() - passed, lambda old, new: _cast(old, new, made[new]))
    separate_inputs(model, given, lambda old, new: _cast(old, new, _FLOAT))
    return model


def _of_values(model: onnx.ModelProto) -> set[int]:
    """Return the types of weights, inputs and outputs; a cast or a number between is no reason to rewrite."""
    weights = {tensor.data_type for tensor in tensors(model) if np.prod(tensor.dims) > 1}
    return weights | {v.type.tensor_type.elem_type for v in (*model.graph.input, *model.graph.output)}


def _saturated(array: np.ndarray) -> np.ndarray:
    """Return float32; finite values beyond its range, as those of masks, become its ends."""
    limit = np.finfo(np.float32).max
    wide = array.astype(np.float64)
    return np.where(np.isfinite(wide), np.clip(wide, -limit, limit), wide).astype(np.float32)


def _retype(graph: onnx.GraphProto, kinds: frozenset[int], interface: bool) -> None:
    """Give float32 to what names another type; to the graph's inputs and outputs only where ``interface``."""
    for value in (*graph.value_info, *((*graph.input, *graph.output) if interface else ())):
        _retype_value(value.type, kinds)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.name in _TYPED and attribute.i in kinds:
                attribute.i = _FLOAT


def _retype_value(kind: onnx.TypeProto, kinds: frozenset[int]) -> None:
    if kind.tensor_type.elem_type in kinds:
        kind.tensor_type.elem_type = _FLOAT
    for inner in _inner_types(kind):
        _retype_value(inner, kinds)


def _inner_types(kind: onnx.TypeProto) -> Iterator[onnx.TypeProto]:
    """Yield the types of what a sequence, map or optional value holds."""
    if kind.HasField("sequence_type"):
        yield kind.sequence_type.elem_type
    if kind.HasField("optional_type"):
        yield kind.optional_type.elem_type
    if kind.HasField("map_type"):
        yield kind.map_type.value_type


def _element_types(kind: onnx.TypeProto) -> Iterator[int]:
    if kind.HasField("tensor_type"):
        yield kind.tensor_type.elem_type
    yield from chain.from_iterable(map(_element_types, _inner_types(kind)))


def _values(graph: onnx.GraphProto) -> Iterator[onnx.ValueInfoProto]:
    yield from (*graph.input, *graph.output, *graph.value_info)


def _is_of(value: onnx.ValueInfoProto, kinds: frozenset[int]) -> bool:
    return value.type.HasField("tensor_type") and value.type.tensor_type.elem_type in kinds


def _cast(given: str, made: str, kind: int) -> onnx.NodeProto:
    return onnx.helper.make_node("Cast", [given], [made], to=kind)


HALF = Rewrite(
    "float16",
    partial(_to_float32, kinds=frozenset({onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16})),
    "computes with 16-bit floats; its baseline computes in float32, between the same inputs and outputs",
)
DOUBLE = Rewrite(
    "float64",
    partial(_to_float32, kinds=frozenset({onnx.TensorProto.DOUBLE})),
    "computes in float64; its baseline computes in float32, between the same inputs and outputs",
)
