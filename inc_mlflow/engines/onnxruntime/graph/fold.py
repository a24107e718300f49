"""Fold constants and batch norm by ONNX Runtime's basic level, which writes standard operators only."""

import shutil
from pathlib import Path

import onnx

from inc_mlflow.engines.onnxruntime.graph.initializers import SMALL, move_out, take_in, tensor_bytes
from inc_mlflow.engines.onnxruntime.graph.model_file import tensors
from inc_mlflow.engines.onnxruntime.runtime.session import BASIC, open_file, options
from inc_mlflow.errors import ModelError
from inc_mlflow.files import disk_full, external_data, model_bytes

FOLD = "constants"
"""Name of this rewrite. It is done between two files, since ONNX Runtime does not give a model back."""
_PROTOBUF_LIMIT = 2**31 - 2**20  # bytes: protobuf's 2 GB less room for the graph itself


def is_large(model: onnx.ModelProto) -> bool:
    """Tell whether a model does not fit into one file."""
    return sum(map(tensor_bytes, tensors(model))) > _PROTOBUF_LIMIT


def check_room(model: onnx.ModelProto, target: Path) -> None:
    """Raise the error of a full disk where a model does not fit."""
    if shutil.disk_usage(target.parent).free < sum(map(tensor_bytes, tensors(model))):
        raise disk_full(target)


def write_model(model: onnx.ModelProto, folder: Path, target: Path, large: bool) -> None:
    """Write a model whose external weights are in ``folder``; ``model`` is changed.

    The weights of a ``large`` model go into a file beside it, one after the other.
    """
    if large:
        move_out(model, folder, external_data(target))
    else:
        take_in(model, folder)
    onnx.save(model, target)


def fold(plain: Path, target: Path, large: bool, source: Path) -> None:
    """Write the folded model.

    Raises ModelError that names the ``source`` where ONNX Runtime cannot load it, and the error of a full
    disk where the result does not fit: ONNX Runtime only says that it could not write.
    """
    if shutil.disk_usage(target.parent).free < model_bytes(plain):
        raise disk_full(target)
    settings = options(threads=1, level=BASIC)
    settings.optimized_model_filepath = str(target)
    if large:
        settings.add_session_config_entry(
            "session.optimized_model_external_initializers_file_name", external_data(target).name
        )
        settings.add_session_config_entry(
            "session.optimized_model_external_initializers_min_size_in_bytes", str(SMALL)
        )
    try:
        open_file(plain, settings)
    except ModelError as error:
        raise ModelError(str(error).replace(str(plain), str(source))) from error
