"""ONNX files: read them, check their external weights, and list their inputs."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx.external_data_helper import ExternalDataInfo, uses_external_data

from inc_mlflow.engines.engine import Interface
from inc_mlflow.engines.onnxruntime.graph.kept_row_axes import kept_row_axes
from inc_mlflow.errors import ModelError
from inc_mlflow.records import TensorSpec

MODEL = "model.onnx"
"""Name of a model in a step's directory; above 2 GB its weights are beside it in ``model.onnx.data``."""
_PACKED = {onnx.TensorProto.INT4, onnx.TensorProto.UINT4, onnx.TensorProto.FLOAT4E2M1}
"""Types with two values in a byte, whose size NumPy does not know."""


def read_structure(path: Path) -> onnx.ModelProto:
    """Read a model without its external weights.

    Raises ModelError where it is no complete ONNX file, or refers to weights outside its folder.
    """
    try:
        # Reading would wait for a pipe, and never end on a device.
        if path.exists() and not path.is_file() and not path.is_dir():
            raise ModelError(
                f"{path}: cannot be read (it is no regular file); give the path of an .onnx file"
            )
        model = onnx.load(path, load_external_data=False)
    except OSError as error:
        raise ModelError(
            f"{path}: cannot be read ({error.strerror}); give the path of an .onnx file"
        ) from error
    except DecodeError as error:
        raise ModelError(f"{path}: not an ONNX file, or truncated; export or copy it again") from error
    if not model.graph.node or not model.opset_import:
        raise ModelError(f"{path}: not an ONNX file, or truncated: it has no graph; export or copy it again")
    external_files(model, path)
    return model


def external_files(model: onnx.ModelProto, path: Path) -> list[Path]:
    """Return the files that hold external weights, each once.

    Raises ModelError where one is missing, too short, or outside the model's folder.
    """
    ends: dict[Path, int] = {}
    for tensor in tensors(model):
        if uses_external_data(tensor):
            file, end = _place(tensor, path)
            ends[file] = max(ends.get(file, 0), end)
    for file, end in ends.items():
        _check_file(path, file, end)
    return sorted(ends)


def source_files(path: Path) -> list[Path]:
    """Return a model file and all files with its weights; raise ModelError where one cannot be read."""
    return [path, *external_files(read_structure(path), path)]


def tensors(model: onnx.ModelProto) -> Iterator[onnx.TensorProto]:
    """Yield every tensor with weights: initialisers, and tensors in attributes, subgraphs and functions."""
    yield from _graph_tensors(model.graph)
    for function in model.functions:
        yield from _node_tensors(function.node)


def all_nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Yield every node, including those of subgraphs and functions."""
    yield from _nodes(model.graph.node)
    for function in model.functions:
        yield from _nodes(function.node)


def graph_inputs(model: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    """Return the inputs that a caller must feed; old exporters list initialisers as inputs too."""
    initializers = {tensor.name for tensor in model.graph.initializer}
    return [value for value in model.graph.input if value.name not in initializers]


def interface(path: Path) -> Interface:
    """Return inputs and outputs of a model file.

    Raises ModelError where it cannot be read, or an input is no tensor.
    """
    model = read_structure(path)
    outputs = model.graph.output
    return Interface(
        signature(model),
        output_signature(model),
        tuple(output.name for output in outputs if _is_tensor(output)),
        tuple(output.name for output in outputs if not _is_tensor(output)),
        kept_row_axes(model),
    )


def signature(model: onnx.ModelProto) -> tuple[TensorSpec, ...]:
    """Return name, NumPy dtype and shape of each input that a caller must feed.

    Raises ModelError where one is no tensor.
    """
    return tuple(_tensor_spec(value) for value in graph_inputs(model))


def output_signature(model: onnx.ModelProto) -> tuple[TensorSpec, ...]:
    """Return name, NumPy dtype and shape of each output that is a tensor."""
    return tuple(_tensor_spec(value) for value in model.graph.output if value.type.tensor_type.elem_type)


def with_outputs(model: onnx.ModelProto, names: Iterable[str]) -> onnx.ModelProto:
    """Make activations outputs of ``model``, which is changed; ONNX Runtime infers their types and shapes."""
    present = {value.name for value in model.graph.output}
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in present)
    return model


def np_dtype(data_type: int, where: str) -> np.dtype:
    """Return the NumPy type of an ONNX type number; raise ModelError where ONNX has no such number."""
    try:
        return onnx.helper.tensor_dtype_to_np_dtype(data_type)
    except KeyError as error:
        raise ModelError(f"{where}: has the unknown data type {data_type}; export the model again") from error


def _is_tensor(value: onnx.ValueInfoProto) -> bool:
    """Tell whether a value is a tensor; one without a type is taken for one, as ONNX Runtime infers it."""
    return value.type.WhichOneof("value") in {"tensor_type", None}


def _tensor_spec(value: onnx.ValueInfoProto) -> TensorSpec:
    tensor = value.type.tensor_type
    if not tensor.elem_type:
        raise ModelError(f"model input {value.name!r}: is not a tensor; only tensor inputs are supported")
    dtype = np_dtype(tensor.elem_type, f"model input {value.name!r}").name
    shape = tuple(_axis(axis) for axis in tensor.shape.dim) if tensor.HasField("shape") else None
    return TensorSpec(name=value.name, dtype=dtype, shape=shape)


def _axis(axis: onnx.TensorShapeProto.Dimension) -> int | str | None:
    if axis.HasField("dim_value") and axis.dim_value > 0:
        return int(axis.dim_value)
    return axis.dim_param or None


def _place(tensor: onnx.TensorProto, path: Path) -> tuple[Path, int]:
    """Return the file of an external tensor and the byte where the tensor ends in it."""
    try:
        info = ExternalDataInfo(tensor)
    except ValueError as error:
        raise ModelError(f"{path}: says wrongly where its weights are ({error}); export it again") from error
    size = math.prod(tensor.dims) * np_dtype(tensor.data_type, f"{path}: tensor {tensor.name!r}").itemsize
    whole = size if tensor.data_type not in _PACKED else 0
    return _confined(path, info.location), (info.offset or 0) + (info.length or whole)


def _confined(path: Path, location: str) -> Path:
    """Resolve an external location; a model must not read files outside its own directory."""
    folder = path.parent.resolve()
    if "\0" in location:
        raise ModelError(
            f"{path}: says wrongly where its weights are ({location!r} is no name of a file); export it again"
        )
    file = (folder / location).resolve()
    if not file.is_relative_to(folder):
        raise ModelError(
            f"{path}: refers to weights outside its own directory ({location!r}); "
            "only files beside it are read"
        )
    return file


def _check_file(model: Path, file: Path, end: int) -> None:
    try:
        exists = file.is_file()
    except OSError as error:  # a name that is too long, a folder without permission
        raise ModelError(
            f"{model}: its external weights cannot be read ({error.strerror}); export it again"
        ) from error
    if not exists:
        raise ModelError(
            f"{model}: its external weights are missing: {file.name}; copy that file beside the model"
        )
    if file.stat().st_size < end:
        raise ModelError(
            f"{model}: its external weights are truncated: {file.name} needs {end} bytes; copy it again"
        )


def _graph_tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    yield from graph.initializer
    yield from (part for sparse in graph.sparse_initializer for part in (sparse.values, sparse.indices))
    yield from _node_tensors(graph.node)


def _node_tensors(nodes: "Iterator[onnx.NodeProto] | onnx.NodeProto") -> Iterator[onnx.TensorProto]:
    for node in _nodes(nodes):
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            yield from attribute.tensors
        for graph in subgraphs(node):
            yield from graph.initializer


def _nodes(nodes: "Iterator[onnx.NodeProto] | onnx.NodeProto") -> Iterator[onnx.NodeProto]:
    for node in nodes:
        yield node
        for graph in subgraphs(node):
            yield from _nodes(graph.node)


def subgraphs(node: onnx.NodeProto) -> Iterator[onnx.GraphProto]:
    """Yield the graphs among the attributes of a node."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs
