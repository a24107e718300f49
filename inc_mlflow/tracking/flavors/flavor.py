"""The role of a flavour: how MLflow keeps the models of an engine, and what may stand around them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from inc_mlflow.records import TensorSpec
from inc_mlflow.spec import Device


@dataclass(frozen=True)
class LoggedInterface:
    """Inputs, outputs and example of a model, and the engine, packages and devices that run it."""

    engine: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    example: Mapping[str, Any] | None
    """One real row; None where it is too large to be shown."""
    runtime: Mapping[str, str]
    """Package -> version."""
    devices: tuple[Device, ...]
    """Devices that may run it, the preferred one first."""


class Flavor(Protocol):
    """How MLflow keeps the models of an engine."""

    def log(
        self,
        path: Path,
        interface: LoggedInterface,
        name: str,
        params: Mapping[str, str],
        tags: Mapping[str, str],
    ) -> str:
        """Log the bytes of a model in the active run, and return the logged model's id."""
        ...

    def check_package(self, folder: Path, model_id: str) -> None:
        """Raise DataError where loading a downloaded model would read or run anything but the model."""
        ...
