"""Run a model: inputs by name in, outputs by name out."""

from collections.abc import Sequence
from pathlib import Path

import onnxruntime

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.fixed_batch import row_count
from inc_mlflow.engines.onnxruntime.runtime.call_timeout import TimedSession
from inc_mlflow.engines.onnxruntime.runtime.rows import row_axes
from inc_mlflow.engines.onnxruntime.runtime.session import CPU, open_file, options
from inc_mlflow.engines.row_axes import RowAxes
from inc_mlflow.errors import ModelError

_TENSOR = "tensor("


class LoadedSession:
    """A model in an existing session: returns all tensors it gives, for batches whose rows come first.

    Outputs that are sequences, maps or optional are not fetched. ``model`` names the model in errors; without
    ``axes`` it says itself where it has its rows. Raises ModelError where it does not.
    """

    def __init__(
        self, model: Path | str, session: onnxruntime.InferenceSession, axes: RowAxes | None = None
    ) -> None:
        self.model = model
        self._session = TimedSession(session, model)
        self.outputs = [output.name for output in session.get_outputs() if output.type.startswith(_TENSOR)]
        self._inputs = {value.name for value in session.get_inputs()}
        self._axes = row_axes(session, axes)

    def __call__(self, inputs: Arrays) -> Arrays:
        """Return all tensors that one batch gives, by name.

        Raises ModelError with ONNX Runtime's complaint in one line, or where the inputs are not the model's.
        """
        rows = row_count(inputs)
        if inputs.keys() != self._inputs:
            raise ModelError(
                f"{self.model}: takes the inputs {', '.join(sorted(self._inputs))}, "
                f"rows have {', '.join(inputs)}"
            )
        values = self._session.run(self.outputs, self._axes.fed(inputs)) if self.outputs else []
        return {
            name: self._axes.given(name, value, rows)
            for name, value in zip(self.outputs, values, strict=True)
        }


class Runner(LoadedSession):
    """A model file, loaded with all optimisations on; several threads may call it at once.

    With ``cpus``, the session binds one thread to each CPU but the first. Raises ModelError where the model
    cannot be loaded, HardwareError where the provider is missing.
    """

    def __init__(
        self,
        model: Path,
        threads: int,
        cpus: Sequence[int] = (),
        provider: str = CPU,
        axes: RowAxes | None = None,
    ) -> None:
        super().__init__(model, open_file(model, options(threads, cpus=cpus), provider), axes)
