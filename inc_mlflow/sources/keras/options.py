"""How a job names a Keras model."""

from typing import Annotated

from pydantic import Field

from inc_mlflow.spec.data import Function, ModelPath
from inc_mlflow.spec.source import SourceSpec


class KerasModel(SourceSpec):
    """A ``.keras``, ``.h5`` or ``.hdf5`` file: a whole model, or weights of one that a function builds."""

    keras: Annotated[ModelPath, Field(description="A .keras, .h5 or .hdf5 file.")]
    architecture: Annotated[
        Function | None,
        Field(
            description="A function that returns the model whose weights the file holds, as model.py:build."
        ),
    ] = None
    allow_lambda: Annotated[
        tuple[str, ...],
        Field(strict=False, description="Lambda layers that may run: they are Python code in the file."),
    ] = ()

    def functions(self) -> dict[str, str]:
        """Return the function that builds the model."""
        return {} if self.architecture is None else {"architecture": self.architecture}
