"""Options of OpenVINO's methods; a job is read without importing OpenVINO."""

from typing import Any, Literal

from pydantic import ConfigDict

from inc_mlflow.registry.engines import DEFAULT_ENGINE
from inc_mlflow.registry.methods import METHODS, method_name
from inc_mlflow.spec.recipes import Recipe

_STATIC: Any = METHODS.options(method_name(DEFAULT_ENGINE, "static"))


class Bf16(Recipe):
    """Operators compute in bf16 where the CPU has instructions for it; weights stay as they are."""

    engine: Literal["openvino"] = "openvino"
    method: Literal["bf16"] = "bf16"

    @property
    def precision(self) -> str:
        """It is no INT8, and not promoted as one."""
        return self.method


class OpenVinoStatic(_STATIC):  # type: ignore[misc]  # the options of the engine that writes the graph
    """The quantised graph that the default engine writes, run by OpenVINO: the same options."""

    # A recipe without an engine is the default one's.
    model_config = ConfigDict(json_schema_extra={"required": ["engine"]})

    engine: Literal["openvino"] = "openvino"

    def label(self) -> str:
        """Name the recipe as the default engine does, and the engine: a job may have it of both."""
        return f"{super().label()} on openvino"
