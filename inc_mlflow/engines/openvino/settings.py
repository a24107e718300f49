"""How a model is compiled: all that a number depends on is said, nothing is left to OpenVINO's choice."""

from inc_mlflow.engines.openvino.model_folder import FloatType
from inc_mlflow.errors import ModelError
from inc_mlflow.hardware.probe import visible_flags

Value = int | str | bool
_BF16 = frozenset({"avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16"})
"""Flags of CPUs that compute in bf16, as Linux spells them on x86 and ARM."""


def settings(threads: int) -> dict[str, Value]:
    """Return the settings that all models have: one stream, on the CPUs that the process is bound to.

    OpenVINO would pin threads to the first cores of the machine, where other instances run.
    """
    return {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "PERFORMANCE_HINT": "LATENCY",
        "ENABLE_CPU_PINNING": False,
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,
    }


def of_precision(precision: FloatType, threads: int, named: object) -> dict[str, Value]:
    """Return the settings of one model.

    Raises ModelError for bf16 where the CPU has no instruction for it: OpenVINO offers it all the same on
    CPUs with AVX-512, and emulates it.
    """
    if precision == "bf16" and not _BF16 & visible_flags():
        raise ModelError(f"{named}: computes in bf16, and this CPU has no bf16 instructions; leave bf16 out")
    return settings(threads) | {"INFERENCE_PRECISION_HINT": precision}
