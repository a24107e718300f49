"""When a candidate passes."""

from typing import Annotated

from pydantic import Field

from inc_mlflow.spec.part import Part


class GateSpec(Part):
    """When a candidate passes."""

    max_relative_drop: Annotated[float, Field(ge=0, lt=1, description="Share of the baseline's metric it may lose.")] = 0.01
    min_speedup: Annotated[float, Field(gt=0, description="Against the optimised baseline.")] = 1.0
    confidence: Annotated[float, Field(gt=0.5, lt=1, description="One-sided, of each decision.")] = 0.95
