"""Options of the method ``distill``; a job is read without importing torch."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from inc_mlflow.files import canonical_json
from inc_mlflow.registry.engines import DEFAULT_ENGINE
from inc_mlflow.sources.pytorch.options import TorchModel
from inc_mlflow.spec.source import SourceSpec
from inc_mlflow.training.stage_recipe import StageRecipe


def _written_out(given: Any) -> Any:
    """Return the mapping that a function stands for."""
    return {"torch": given} if isinstance(given, str) else given


_OtherModel = Annotated[TorchModel, BeforeValidator(_written_out, json_schema_input_type=str | TorchModel)]


class Distill(StageRecipe):
    """A student learns from a teacher and from labels; what it becomes is a new source.

    Who is not named is the job's model: with a student of another architecture the model teaches, with a
    teacher it learns, with neither it learns from itself.
    """

    engine: str = DEFAULT_ENGINE
    method: Literal["distill"] = "distill"
    student: Annotated[
        _OtherModel | None,
        Field(
            description="The module that learns, as student.py:build, or with weights to begin with; the "
            "job's model, as the stages before left it, by default."
        ),
    ] = None
    teacher: Annotated[
        _OtherModel | None,
        Field(
            description="The module that is learned from, as {torch: teacher.py:build, weights: "
            "t.safetensors}; the job's model, as it was given, by default."
        ),
    ] = None
    temperature: Annotated[
        float, Field(ge=1, le=100, description="At which the teacher's classes are learned from.")
    ] = 2.0
    teacher_weight: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Share of the loss that the teacher's outputs give, where labels do too; 0 trains "
            "the student without teacher.",
        ),
    ] = 0.7
    layers: Annotated[
        dict[str, str],
        Field(
            default_factory=dict,
            description="Module in the student -> module in the teacher whose values it learns to give, "
            "through a projection where sizes differ.",
        ),
    ]
    layers_weight: Annotated[
        float, Field(gt=0, le=1000, description="Weight of the distance of these layers, beside a loss of 1.")
    ] = 1.0

    def __hash__(self) -> int:
        return hash(canonical_json(self.model_dump(mode="json")))

    def label(self) -> str:
        """Name the recipe by student and teacher, and by what differs from the defaults."""
        student = [self.student.torch] if self.student is not None else []
        teacher = [f"taught by {self.teacher.torch}"] if self.teacher is not None else []
        taught = self.teacher_weight or self.layers
        alone = [] if taught else ["without teacher"]
        softness = [f"T {self.temperature:g}"] if self.temperature != 2 else []
        weight = [f"teacher {self.teacher_weight:g}"] if taught and self.teacher_weight != 0.7 else []
        many = "s" if len(self.layers) > 1 else ""
        layers = [f"{len(self.layers)} layer{many}"] if self.layers else []
        return " ".join([self.method, *student, *teacher, *alone, *softness, *weight, *layers])

    @property
    def begins_anew(self) -> bool:
        """A student of its own knows nothing of the model before it."""
        return self.student is not None

    @property
    def models(self) -> Mapping[str, SourceSpec]:
        """Student and teacher where they are named."""
        named = {"student": self.student, "teacher": self.teacher}
        return {field: model for field, model in named.items() if model is not None}
