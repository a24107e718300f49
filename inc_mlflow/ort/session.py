"""Sessions of ONNX Runtime, all made in one place: CPU provider, given threads, quiet log."""

from pathlib import Path

import onnx
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

from inc_mlflow.errors import ModelError

RUNTIME_ERRORS = (
    state.EPFail,
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.InvalidProtobuf,
    state.NoSuchFile,
    state.NotImplemented,
    state.RuntimeException,
)
"""What ONNX Runtime raises about a model or its inputs; they have no common base."""

ALL = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
BASIC = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC


def options(threads: int, level: onnxruntime.GraphOptimizationLevel = ALL) -> onnxruntime.SessionOptions:
    """Return session options: ``threads`` inside an operator, none between operators."""
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    settings.graph_optimization_level = level
    settings.log_severity_level = 3
    # Idle threads that spin take the core from whatever runs next: measured 2.7 times the CPU time with three models.
    settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return settings


def open_file(model: Path, settings: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    """Load a model file; ModelError is ONNX Runtime's complaint in one line."""
    try:
        return onnxruntime.InferenceSession(str(model), settings, providers=["CPUExecutionProvider"])
    except RUNTIME_ERRORS as error:
        raise ModelError(f"{model}: onnxruntime cannot load it: {one_line(error)}") from error


def open_proto(model: onnx.ModelProto, folder: Path, settings: onnxruntime.SessionOptions) -> onnxruntime.InferenceSession:
    """Load a model from memory; its external weights stand in ``folder``."""
    settings.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
    return onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=["CPUExecutionProvider"])


def one_line(error: Exception) -> str:
    """Return an error's text without line breaks and ONNX Runtime's status prefix."""
    return " ".join(str(error).split()).removeprefix("[ONNXRuntimeError] : ")
