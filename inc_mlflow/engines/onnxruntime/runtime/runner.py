"""Run a model: inputs by name in, outputs by name out."""

from collections.abc import Sequence
from pathlib import Path

import onnxruntime

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.fixed_batch import fixed_batch, padded, trimmed
from inc_mlflow.engines.onnxruntime.runtime.call_timeout import Watched
from inc_mlflow.engines.onnxruntime.runtime.session import CPU, open_file, options
from inc_mlflow.errors import ModelError


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

    def __init__(self, model: Path, threads: int, cpus: Sequence[int] = (), provider: str = CPU) -> None:
        super().__init__(model, open_file(model, options(threads, cpus=cpus), provider))
