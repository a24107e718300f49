"""Options of the methods that train; a job is read without importing torch."""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, SerializeAsAny, field_validator

from inc_mlflow.registry.engines import DEFAULT_ENGINE
from inc_mlflow.spec.recipes import AnyRecipe, Recipe

_START = {"method": "static"}


class Qat(Recipe):
    """Trains the candidate of another recipe, and writes it back into the same nodes."""

    # The start is a recipe of any method: the schema is built when all classes are there.
    model_config = ConfigDict(defer_build=True)

    engine: str = DEFAULT_ENGINE
    method: Literal["qat"] = "qat"
    start: Annotated[
        SerializeAsAny[AnyRecipe],
        Field(
            validate_default=True,
            default_factory=lambda: dict(_START),
            description="The recipe whose candidate is trained, as {method: static}.",
        ),
    ]
    weight_bits: Annotated[
        int,
        Field(ge=2, le=8, description="Bits that weights of layers use of their 8; fewer are for study."),
    ] = 8

    epochs: Annotated[
        int | None,
        Field(ge=1, le=10_000, description="Passes over the rows at most; those of training by default."),
    ] = None

    @field_validator("start")
    @classmethod
    def _not_itself(cls, start: Recipe) -> Recipe:
        if isinstance(start, Qat):
            raise ValueError("it is qat itself; give a method that needs no training")
        return start

    def label(self) -> str:
        """Name the recipe by its start, and by bits and epochs where they are its own."""
        bits = [f"{self.weight_bits}-bit weights"] if self.weight_bits < 8 else []
        epochs = [f"{self.epochs} epochs"] if self.epochs else []
        return " ".join([self.method, *bits, *epochs, self.start.label()])

    @property
    def trains(self) -> bool:
        """It needs training rows, and tuning rows to choose an epoch by."""
        return True

    @property
    def statistics(self) -> frozenset[str]:
        """The kinds that the start needs."""
        return self.start.statistics

    @property
    def kept_fp32(self) -> tuple[str, ...]:
        """Nodes that the start leaves in FP32."""
        return self.start.kept_fp32

    def unprotected(self) -> "Qat | None":
        """Return the recipe with the start as it is before protection; None where it is not protected."""
        start: Any = self.start.unprotected()
        return self.model_copy(update={"start": start}) if start else None
