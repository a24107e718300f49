"""When a candidate passes: limits and confidence, in the job or in a policy file that many jobs share."""

from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from inc_mlflow.errors import SpecError
from inc_mlflow.files import canonical_json, sha256_text
from inc_mlflow.spec.spec_model import SpecModel

Role = Literal["required", "accuracy_only", "informative"]
DEFAULT_DROP = 0.01

_LEAST = 1e-6
"""Smallest limit above 0: no split is large enough to distinguish a smaller one from 0."""


def _distinct(limit: float | None) -> float | None:
    if limit is not None and 0 < limit < _LEAST:
        raise ValueError(f"{limit} is too small to be measured; use 0, or at least {_LEAST}")
    return limit


RelativeLimit = Annotated[float | None, Field(ge=0, lt=1), AfterValidator(_distinct)]
AbsoluteLimit = Annotated[float | None, Field(ge=0, le=1e12)]
"""Limits of a drop: as a share of the baseline's metric, and in the metric's own unit."""


class PoolGate(SpecModel):
    """The gate's settings for one pool."""

    role: Annotated[
        Role,
        Field(
            description="required: accuracy and speed count; accuracy_only: speed does not; "
            "informative: neither does."
        ),
    ] = "required"


class GateSpec(SpecModel):
    """When a candidate passes; the default limit on the drop is 1 % of the baseline's metric."""

    max_relative_drop: Annotated[
        RelativeLimit, Field(description="Share of the baseline's metric it may lose.")
    ] = None
    max_absolute_drop: Annotated[
        AbsoluteLimit, Field(description="What it may lose in the metric's own unit.")
    ] = None
    max_class_drop: Annotated[
        RelativeLimit,
        Field(
            description="What the worst class may lose of its share of right rows, as 0.05; "
            "for top1 and top5."
        ),
    ] = None
    max_pool_spread: Annotated[
        RelativeLimit,
        Field(description="Share of its metric that a candidate may lose from one pool to another."),
    ] = None
    min_speedup: Annotated[float, Field(ge=0.001, le=1000, description="Against the optimised baseline.")] = (
        1.0
    )
    confidence: Annotated[float, Field(gt=0.5, le=0.9999, description="One-sided, of each decision.")] = 0.95
    allow: Annotated[
        tuple[Literal["int8", "bf16", "fp32"], ...],
        Field(
            strict=False,
            min_length=1,
            exclude_if=lambda given: given == ("int8",),
            description="What may be promoted; a faster floating-point candidate is told of all the same.",
        ),
    ] = ("int8",)
    pools: Annotated[
        dict[str, PoolGate],
        Field(
            description="Pool -> role; pools that are not named are required, emulated ones accuracy_only."
        ),
    ] = Field(default_factory=dict)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Return the schema of a gate or of the path of a policy file."""
        return {
            "anyOf": [
                {"type": "string", "description": "A policy file (YAML), relative to the job."},
                handler(schema),
            ]
        }

    @model_validator(mode="before")
    @classmethod
    def _limited(cls, data: Any) -> Any:
        """Fill in the limit that applies, so that equal gates give equal text."""
        if (
            isinstance(data, dict)
            and data.get("max_relative_drop") is None
            and data.get("max_absolute_drop") is None
        ):
            return {**data, "max_relative_drop": DEFAULT_DROP}
        return data

    def role(self, pool: str, emulated: bool) -> Role:
        """Return the role of a pool; the speed of an emulated pool never counts."""
        role = self.pools.get(pool, PoolGate(role="accuracy_only" if emulated else "required")).role
        return "accuracy_only" if emulated and role == "required" else role

    def relative_limit(self, baseline: float) -> float:
        """Return the allowed drop as a share of the baseline's metric; of two limits, the stricter."""
        absolute = (
            None if self.max_absolute_drop is None or not baseline else self.max_absolute_drop / abs(baseline)
        )
        return min(limit for limit in (self.max_relative_drop, absolute, 1.0) if limit is not None)

    def of_further(self, metric: str, relative: float | None, absolute: float | None) -> Self:
        """Return the gate for a metric that is not the first: its own limits, else this gate's share.

        Raises SpecError where it has none and this gate has no share: a limit in the unit of the first metric
        says nothing about another one.
        """
        if relative is None and absolute is None:
            relative = self.max_relative_drop
        if relative is None and absolute is None:
            raise SpecError(
                f"gate.max_absolute_drop: is in the unit of the first metric; give {metric} a limit of its "
                "own (max_relative_drop or max_absolute_drop), or informative: true"
            )
        limits = {"max_relative_drop": relative, "max_absolute_drop": absolute, "max_class_drop": None}
        return self.model_copy(update=limits)

    def sha256(self) -> str:
        """Return the digest that a judgement carries."""
        return sha256_text(canonical_json(self.model_dump(mode="json", exclude_none=True)))
