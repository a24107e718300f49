"""Inputs and outputs of a model as MLflow's signature has them."""

from typing import TYPE_CHECKING, Any

from inc_mlflow.records import TensorSpec
from inc_mlflow.tracking.flavors.flavor import LoggedInterface

if TYPE_CHECKING:
    from mlflow.models import ModelSignature


def signature(interface: LoggedInterface) -> "ModelSignature":
    """Return the signature of inputs and outputs; an axis of any size is -1."""
    from mlflow.models import ModelSignature
    from mlflow.types import Schema

    return ModelSignature(
        inputs=Schema(_tensors(interface.inputs)), outputs=Schema(_tensors(interface.outputs))
    )


def input_signature(interface: LoggedInterface) -> "ModelSignature | None":
    """Return the signature of inputs alone; None where one has a shape that is not known."""
    from mlflow.models import ModelSignature
    from mlflow.types import Schema

    if any(spec.shape is None for spec in interface.inputs):
        return None
    return ModelSignature(inputs=Schema(_tensors(interface.inputs)))


def _tensors(specs: tuple[TensorSpec, ...]) -> list[Any]:
    import numpy as np
    from mlflow.types import TensorSpec as Tensor

    return [Tensor(np.dtype(spec.dtype), _shape(spec), spec.name) for spec in specs]


def _shape(spec: TensorSpec) -> tuple[int, ...]:
    return tuple(axis if isinstance(axis, int) else -1 for axis in spec.shape or (None,))
