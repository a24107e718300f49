"""How a job measures speed."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from inc_mlflow.spec.layout import Layout
from inc_mlflow.spec.spec_model import SpecModel

_SLOWEST = 0.01
Scenario = Literal["throughput", "arrival_rate"]


class BenchmarkSpec(SpecModel):
    """How speed is measured."""

    layout: Annotated[
        str,
        Field(
            description="Sockets, cores per instance, instances, batch: 1s4c14ins1bs, a part of it "
            "(4c, 14ins), or auto."
        ),
    ] = "1s1c1ins1bs"
    scenario: Annotated[
        Scenario,
        Field(description="As fast as possible, or requests that arrive at a rate and may have to wait."),
    ] = "throughput"
    rate: Annotated[
        float | None,
        Field(gt=0, le=1e6, description="Requests per second to all instances together, each one batch."),
    ] = None

    @field_validator("layout")
    @classmethod
    def _readable(cls, text: str) -> str:
        return str(Layout.parse(text))

    @model_validator(mode="after")
    def _rated(self) -> Self:
        if self.rate is not None and self.rate < _SLOWEST:
            raise ValueError(
                f"rate: {self.rate} is less than {_SLOWEST}; a round of 30 requests would take hours"
            )
        if (self.rate is None) == (self.scenario == "arrival_rate"):
            raise ValueError("scenario arrival_rate and rate come together; scenario throughput has no rate")
        return self
