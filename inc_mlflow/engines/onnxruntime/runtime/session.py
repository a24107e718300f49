"""All sessions of ONNX Runtime are made here: one provider and no fallback, given threads, a quiet log."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state as state

from inc_mlflow.errors import HardwareError, ModelError, reason
from inc_mlflow.records import TensorSpec

RUNTIME_ERRORS = (
    state.EPFail,
    state.Fail,
    state.InvalidArgument,
    state.InvalidGraph,
    state.InvalidProtobuf,
    state.NoSuchFile,
    state.NotImplemented,
    state.RuntimeException,
    *(IndexError, MemoryError, OverflowError, RuntimeError, ValueError),
)
"""What ONNX Runtime raises about a model or its inputs: its own classes, which have no common base, and those
of C++ exceptions, as std::bad_alloc. UnicodeDecodeError, a ValueError, comes where its message is no text."""

CPU = "CPUExecutionProvider"
SILENT = 4
"""Log nothing: every error is also raised, with the same text in one line."""
onnxruntime.set_default_logger_severity(SILENT)

ALL = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
BASIC = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC

_LOADABLE = "give a model with operators that this onnxruntime has, each from a domain that the model imports"
_DTYPES = {"float": "float32", "double": "float64", "string": "str"}
"""ONNX Runtime's names of types -> NumPy's, where they differ."""
_SPINNING, _AFFINITIES = "session.intra_op.allow_spinning", "session.intra_op_thread_affinities"


def options(
    threads: int, level: onnxruntime.GraphOptimizationLevel = ALL, cpus: Sequence[int] = ()
) -> onnxruntime.SessionOptions:
    """Return session options: ``threads`` inside an operator, none between operators.

    With several ``cpus``, one thread is bound to each CPU but the first. The caller binds its own thread to
    the first.
    """
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    settings.graph_optimization_level = level
    settings.log_severity_level = SILENT
    # Idle threads that spin take the core from the next model: 2.7 times the CPU time with three models.
    settings.add_session_config_entry(_SPINNING, "1" if len(cpus) > 1 else "0")
    if len(cpus) > 1:  # on their own CPUs threads may spin within a call, and stop when it ends
        settings.add_session_config_entry("session.force_spinning_stop", "1")
        settings.add_session_config_entry(_AFFINITIES, ";".join(str(cpu + 1) for cpu in cpus[1:]))
    return settings


def tensor_specs(session: onnxruntime.InferenceSession) -> tuple[TensorSpec, ...]:
    """Return name, NumPy dtype and shape of each input, as far as a session tells.

    Raises ModelError where an input is no plain tensor.
    """
    return tuple(_tensor_spec(value) for value in session.get_inputs())


def _tensor_spec(value: Any) -> TensorSpec:
    kind = value.type.removeprefix("tensor(").removesuffix(")")
    dtype = _DTYPES.get(kind, kind)
    try:
        return TensorSpec(name=value.name, dtype=np.dtype(dtype).name, shape=tuple(value.shape))
    except TypeError as error:
        raise ModelError(
            f"model input {value.name!r}: is a {value.type}; only plain tensors are supported"
        ) from error


def describe(cpus: Sequence[int], provider: str = CPU) -> dict[str, int | str | bool]:
    """Return the settings with which an instance on these CPUs runs a model, for the record.

    ``thread_affinities`` counts CPUs from 1 and leaves out the calling thread's, as ONNX Runtime takes them.
    """
    settings = options(max(1, len(cpus)), cpus=cpus)
    return {
        "provider": provider,
        "intra_op_threads": settings.intra_op_num_threads,
        "inter_op_threads": settings.inter_op_num_threads,
        "thread_affinities": settings.get_session_config_entry(_AFFINITIES) if len(cpus) > 1 else "",
        "spinning": "within a call" if settings.get_session_config_entry(_SPINNING) == "1" else "never",
        "optimization_level": settings.graph_optimization_level.name,
        "arena": settings.enable_cpu_mem_arena,
    }


def open_file(
    model: Path, settings: onnxruntime.SessionOptions, provider: str = CPU
) -> onnxruntime.InferenceSession:
    """Load a model file for one provider.

    ONNX Runtime by itself would continue on the CPU where it cannot load the model, finds no GPU, or a call
    fails there. Here that raises ModelError with its complaint in one line, or HardwareError where the
    provider is missing.
    """
    _check_built(provider)
    try:
        session = onnxruntime.InferenceSession(str(model), settings, providers=[provider], enable_fallback=0)
    except RUNTIME_ERRORS as error:
        text = error_text(error).replace(f"Load model from {model} failed:", "")
        raise ModelError(f"{model}: onnxruntime cannot load it: {text}; {_LOADABLE}") from error
    if session.get_providers()[0] != provider:
        raise HardwareError(
            f"provider: onnxruntime cannot start {provider} here; check the GPU, its driver, CUDA and cuDNN"
        )
    return session


def open_proto(
    model: onnx.ModelProto, folder: Path, settings: onnxruntime.SessionOptions
) -> onnxruntime.InferenceSession:
    """Load a model from memory, its external weights from ``folder``.

    Raises ModelError with ONNX Runtime's complaint in one line.
    """
    settings.add_session_config_entry("session.model_external_initializers_file_folder_path", str(folder))
    try:
        return onnxruntime.InferenceSession(model.SerializeToString(), settings, providers=[CPU])
    except RUNTIME_ERRORS as error:
        raise ModelError(
            f"model: onnxruntime cannot load it for calibration: {error_text(error)}; {_LOADABLE}"
        ) from error


def _check_built(provider: str) -> None:
    built = onnxruntime.get_available_providers()
    if provider not in built:
        raise HardwareError(
            f"provider: this onnxruntime has no {provider}, only {', '.join(built)}; use an image that has it"
        )


def error_text(error: Exception) -> str:
    """Return an error's text in one line, without ONNX Runtime's status prefix."""
    return reason(error, 500).removeprefix("[ONNXRuntimeError] : ")
