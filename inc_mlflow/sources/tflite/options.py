"""How a job names a TFLite model."""

from typing import Annotated

from pydantic import Field

from inc_mlflow.spec.data import ModelPath
from inc_mlflow.spec.source import SourceSpec


class LiteModel(SourceSpec):
    """A ``.tflite`` file."""

    tflite: Annotated[ModelPath, Field(description="The .tflite file.")]
    signature: Annotated[
        str | None, Field(description="Which signature; by default serving_default, or the only one.")
    ] = None
