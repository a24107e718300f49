"""Run a model: inputs by name in, outputs by name out."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.onnxruntime.runtime.call_timeout import Watched
from inc_mlflow.engines.onnxruntime.runtime.session import open_file, options
from inc_mlflow.errors import ModelError
from inc_mlflow.memory import free_bytes, gigabytes
from inc_mlflow.spec import CPU_PROVIDER, Provider

_LARGE = 2**28
"""Bytes below which memory is not asked for: it takes longer than a small model."""


class Loaded:
    """A session that somebody made: all its outputs, whatever number of rows it insists on.

    ``model`` names it in errors.
    """

    def __init__(self, model: Path | str, session: onnxruntime.InferenceSession) -> None:
        self.model = model
        self._watched = Watched(session, model)
        self.outputs = [output.name for output in session.get_outputs()]
        self._inputs = {value.name for value in session.get_inputs()}
        self._batch = fixed_batch(value.shape for value in session.get_inputs())

    def __call__(self, inputs: Arrays) -> Arrays:
        """Return all outputs of one batch; ModelError is ONNX Runtime's complaint in one line."""
        rows = len(next(iter(inputs.values())))
        if inputs.keys() != self._inputs:
            raise ModelError(
                f"{self.model}: takes the inputs {', '.join(sorted(self._inputs))}, rows have {', '.join(inputs)}"
            )
        values = self._watched.run(None, padded(inputs, self._batch))
        return {
            name: trimmed(value, rows, self._batch) for name, value in zip(self.outputs, values, strict=True)
        }


class Runner(Loaded):
    """A loaded model with all optimisations on; may be called from several threads at once.

    With ``cpus`` the threads of the session are bound to all of them but the first.
    """

    def __init__(
        self, model: Path, threads: int, cpus: Sequence[int] = (), provider: Provider = CPU_PROVIDER
    ) -> None:
        super().__init__(model, open_file(model, options(threads, cpus=cpus), provider))


def fixed_batch(shapes: Iterable[Sequence[int | str | None] | None]) -> int | None:
    """Return the number of rows that a model insists on, or None where it takes any."""
    sizes = {shape[0] for shape in shapes if shape and isinstance(shape[0], int)}
    return sizes.pop() if len(sizes) == 1 else None


def padded(inputs: Arrays, batch: int | None) -> Arrays:
    """Repeat the last row until the model has the rows it insists on.

    ModelError where memory does not hold them.
    """
    rows = len(next(iter(inputs.values())))
    if batch is None or rows >= batch:
        return inputs
    check_memory("model", batch, sum(array[-1:].nbytes for array in inputs.values()))
    return {
        name: np.concatenate([array, np.repeat(array[-1:], batch - rows, 0)])
        for name, array in inputs.items()
    }


def check_memory(model: object, batch: int, row_bytes: int) -> None:
    """Refuse a model that insists on more rows than memory holds."""
    size = batch * row_bytes
    if size > _LARGE and size > (free := free_bytes()):
        raise ModelError(
            f"{model}: takes {batch} rows at a time, {gigabytes(size)}, and {gigabytes(free)} of memory are left; "
            "export it with a free batch, or a smaller one"
        )


def trimmed(value: np.ndarray, rows: int, batch: int | None) -> np.ndarray:
    """Take the rows that ``padded`` added away again.

    As it is where the first axis is not that of the batch.
    """
    return value[:rows] if batch is not None and rows < batch and len(value) == batch else value
