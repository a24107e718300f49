"""Values of initialisers, which may be in a file beside the model."""

import math
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.external_data_helper import (
    ExternalDataInfo,
    load_external_data_for_tensor,
    set_external_data,
    uses_external_data,
)

from inc_mlflow.engines.onnxruntime.graph.library import library_call
from inc_mlflow.engines.onnxruntime.graph.model_file import np_dtype, tensors

SMALL = 1024
"""Bytes: what is smaller stays in the model's own file, as shapes and axes that converters read."""


def values(tensor: onnx.TensorProto, folder: Path) -> np.ndarray:
    """Return the values of a tensor, whose file is in ``folder`` if it is external.

    Raises ModelError where its bytes do not fit its shape.
    """
    own = onnx.TensorProto()
    own.CopyFrom(tensor)  # reading takes external bytes into the tensor
    with library_call(f"tensor {tensor.name!r}: cannot be read, export the model again"):
        return np.asarray(numpy_helper.to_array(own, str(folder)))


def replace(tensor: onnx.TensorProto, array: np.ndarray) -> None:
    """Give a tensor other values; they are in the model's own file from now on."""
    whole = np.ascontiguousarray(array).reshape(array.shape)  # NumPy gives a scalar an axis
    tensor.CopyFrom(numpy_helper.from_array(whole, tensor.name))


def tensor_bytes(tensor: onnx.TensorProto) -> int:
    """Return the bytes of a tensor's values, wherever they are."""
    if not uses_external_data(tensor):
        return int(tensor.ByteSize())
    return int(np.prod(tensor.dims)) * np_dtype(tensor.data_type, f"tensor {tensor.name!r}").itemsize


def is_small(tensor: onnx.TensorProto) -> bool:
    """Tell whether a tensor takes up to ``SMALL`` bytes, by its shape where that says it.

    protobuf counts the bytes of a message by writing it: that takes a second for 100 MB.
    """
    width = _WIDTHS.get(tensor.data_type)
    return (tensor_bytes(tensor) if width is None else math.prod(tensor.dims) * width) <= SMALL


_WIDTHS: dict[int, int] = {onnx.TensorProto.FLOAT: 4, onnx.TensorProto.INT32: 4, onnx.TensorProto.INT64: 8}


def move_out(model: onnx.ModelProto, folder: Path, file: Path) -> None:
    """Append the values of all large initialisers that are not yet in ``file`` to it, one after the other.

    External ones are read from ``folder``.
    """
    with file.open("ab") as target:
        for tensor in model.graph.initializer:
            if (
                tensor_bytes(tensor) <= SMALL
                or _is_in(tensor, file)
                or tensor.data_type == onnx.TensorProto.STRING
            ):
                continue
            moved = _in_memory(tensor, folder)
            start, length = target.tell(), target.write(moved.raw_data)
            set_external_data(moved, file.name, start, length)
            moved.ClearField("raw_data")
            tensor.CopyFrom(moved)


def take_in(model: onnx.ModelProto, folder: Path) -> None:
    """Read all external tensors of a model into memory."""
    for tensor in tensors(model):
        if uses_external_data(tensor):
            load_external_data_for_tensor(tensor, str(folder))


def _in_memory(tensor: onnx.TensorProto, folder: Path) -> onnx.TensorProto:
    """Return a copy of a tensor with its values as bytes."""
    own = onnx.TensorProto()
    own.CopyFrom(tensor)
    if uses_external_data(own):
        load_external_data_for_tensor(own, str(folder))
    return own if own.HasField("raw_data") else numpy_helper.from_array(numpy_helper.to_array(own), own.name)


def _is_in(tensor: onnx.TensorProto, file: Path) -> bool:
    return uses_external_data(tensor) and ExternalDataInfo(tensor).location == file.name
