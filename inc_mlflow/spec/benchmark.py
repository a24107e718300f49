"""How a job measures speed."""

from typing import Annotated

from pydantic import Field, field_validator

from inc_mlflow.spec.layout import Layout
from inc_mlflow.spec.part import Part


class BenchmarkSpec(Part):
    """How speed is measured."""

    layout: Annotated[str, Field(description="1s1c1ins<batch>bs: one pinned instance on one core.")] = "1s1c1ins1bs"

    @field_validator("layout")
    @classmethod
    def _readable(cls, text: str) -> str:
        return str(Layout.parse(text))
