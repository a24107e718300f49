"""Triton Inference Server: a model repository whose configuration runs the model as it was measured."""

import json
from collections.abc import Sequence

from inc_mlflow.errors import ModelError
from inc_mlflow.records import TensorSpec
from inc_mlflow.serving.served_model import ServedModel

_TYPES = {
    "bool": "TYPE_BOOL",
    "float16": "TYPE_FP16",
    "float32": "TYPE_FP32",
    "float64": "TYPE_FP64",
    **{f"{sign}int{bits}": f"TYPE_{sign.upper()}INT{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)},
    "object": "TYPE_STRING",
    "str": "TYPE_STRING",
}
"""NumPy's name -> Triton's, of docs/user_guide/model_configuration.md of Triton."""
_THREADS = "intra_op_thread_count"


def triton_config(served: ServedModel, name: str, backend: str) -> str:
    """Return ``config.pbtxt``: shapes, the measured batch, instances and threads, and no batching of its own.

    Triton would join requests to larger batches where it is told to; scales of a dynamic INT8 model span the
    batch, so the evidence holds for the measured one. Raises ModelError for a tensor that Triton cannot name.
    """
    tensors = [*served.interface.inputs, *served.interface.outputs]
    batched = all(one.shape and not isinstance(one.shape[0], int) for one in tensors)
    layout = served.layout
    parts = [
        f"name: {_quoted(name)}",
        f"backend: {_quoted(backend)}",
        f"default_model_filename: {_quoted(served.path.name)}",
        f"max_batch_size: {layout.batch if batched else 0}",
        *(_tensor("input", one, batched) for one in served.interface.inputs),
        *(_tensor("output", one, batched) for one in served.interface.outputs),
        f"instance_group [ {{ kind: KIND_CPU count: {layout.instances or 1} }} ]",
        f'parameters {{ key: "{_THREADS}" value: {{ string_value: "{layout.cores or 1}" }} }}',
    ]
    return "\n".join(parts) + "\n"


def _tensor(field: str, tensor: TensorSpec, batched: bool) -> str:
    kind = _TYPES.get(tensor.dtype)
    if kind is None or tensor.shape is None:
        raise ModelError(
            f"{field} {tensor.name!r}: Triton has no name for its type or shape ({tensor.dtype}); "
            "export the model's files alone"
        )
    dims = _dims(tensor.shape[1:] if batched else tensor.shape)
    return f"{field} [ {{ name: {_quoted(tensor.name)} data_type: {kind} dims: {dims} }} ]"


def _dims(shape: Sequence[int | str | None]) -> str:
    """Return the axes, a free one as -1. Triton knows no tensor without axes: one value is an axis of one."""
    return json.dumps([axis if isinstance(axis, int) else -1 for axis in shape] or [1])


def _quoted(text: str) -> str:
    return json.dumps(text)
