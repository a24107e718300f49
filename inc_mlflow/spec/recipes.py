"""Recipes: a method with its options. The engine of a method defines its options."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Tag,
    TypeAdapter,
    ValidationError,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from inc_mlflow.errors import SpecError
from inc_mlflow.registry import did_you_mean
from inc_mlflow.registry.engines import ENGINES
from inc_mlflow.registry.methods import CHAIN, METHODS, engine_of, method_name, method_names, sources_of
from inc_mlflow.spec.data import DataSpec
from inc_mlflow.spec.parts import PER_PART
from inc_mlflow.spec.source import SourceSpec, of_artifact, source_kind
from inc_mlflow.spec.spec_model import METHOD_TAG, SpecModel, short, spec_error


class Recipe(SpecModel):
    """The options of one method; every method has a class of its own below this one."""

    engine: str
    method: str

    def label(self) -> str:
        """Name the recipe by what differs from the defaults, as "static u8s8 per-channel"."""
        return self.method

    @property
    def statistics(self) -> frozenset[str]:
        """Kinds of statistics that the recipe needs from calibration rows; none by default."""
        return frozenset()

    @property
    def trains(self) -> bool:
        """Whether the recipe needs training rows, and tuning rows to choose by; it does not by default."""
        return False

    @property
    def precision(self) -> str:
        """What its candidate computes in, as ``bf16``; INT8 by default."""
        return "int8"

    @property
    def kept_fp32(self) -> tuple[str, ...]:
        """Names of baseline nodes that the recipe leaves in FP32."""
        return ()

    @property
    def changes_module(self) -> bool:
        """Whether it changes the source's module before the import, as pruning does."""
        return False

    @property
    def begins_anew(self) -> bool:
        """Whether it builds a module of its own, so that what changed the source's before would be lost."""
        return False

    @property
    def models(self) -> Mapping[str, SourceSpec]:
        """Return field -> model that the recipe reads beside the job's, as a teacher; none by default."""
        return {}

    @property
    def stages(self) -> "tuple[Recipe, ...]":
        """What a chain does to the source's module before its import, in order; nothing by default."""
        return ()

    @property
    def final(self) -> "Recipe | None":
        """What is done with the imported model: of a chain its last recipe, None where that is a stage."""
        return self

    def unprotected(self) -> Self | None:
        """Return the recipe whose protected form this one is; None where it is not protected."""
        return None


def check_recipe(recipe: Recipe, engines: Sequence[str], data: DataSpec, model: object) -> None:
    """Raise ValueError where a recipe is for another engine or source, or lacks a split that it needs."""
    if recipe.stages and of_artifact(model):
        raise ValueError(
            "recipes: a chain changes the module that a function builds, and the model is an artifact; give "
            "it with paths of files"
        )
    for field, other in recipe.models.items():
        if of_artifact(other):
            raise ValueError(
                f"recipes: {field}: {other.where} is of an artifact, which holds the job's model alone; give "
                "it with paths of files"
            )
    for stage in recipe.stages:
        taken = sources_of(method_name(stage.engine, stage.method))
        if source_kind(model) not in taken:
            raise ValueError(
                f"recipes: {stage.method} changes the module of a framework; give the model as a source of "
                f"{', '.join(taken)}, as {{torch: model.py:build}}"
            )
    if recipe.engine not in engines:
        raise ValueError(
            f"recipes: {recipe.label()!r} is for {recipe.engine}; the job's engines are {', '.join(engines)}"
        )
    if recipe.statistics and data.calibration is None:
        raise ValueError(
            f"data.calibration: a {recipe.method} recipe needs it; give the split, or use a method "
            "that needs none"
        )
    for name, what in (("training", "learn from"), ("tuning", "choose the best epoch by")):
        if recipe.trains and name not in data.splits():
            raise ValueError(f"data.{name}: a {recipe.method} recipe needs rows to {what}; give the split")


def parse_recipe(data: Any) -> Recipe:
    """Read one recipe from plain data; raise SpecError that names the field."""
    try:
        return _adapter().validate_python(data)
    except ValidationError as error:
        raise SpecError(f"recipe: {str(spec_error(error)).removeprefix('job').removeprefix(': ')}") from error


class _Registered:
    """The options of every registered method, told apart by engine and method."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices = {_tag(name): handler.generate_schema(METHODS.options(name)) for name in METHODS}
        union = core_schema.tagged_union_schema(choices, discriminator=_discriminate)
        return core_schema.no_info_before_validator_function(_check_method, union)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Let a recipe be a list, or name parts of the model: a job is read with what these stand for."""
        of_parts = {
            "type": "object",
            "required": ["parts"],
            "description": "Of a model of parts: {method: static, parts: [encoder]}.",
        }
        chain = {
            "type": "array",
            "minItems": 1,
            "items": {"type": "object", "required": ["method"]},
            "description": "A chain: [{method: prune}, {method: static}].",
        }
        return {"anyOf": [handler(schema), of_parts, chain]}


AnyRecipe = Annotated[Recipe, _Registered]
"""A recipe of any method. Its schema is made from the registry of methods when it is first used."""


def _auto_or_list(value: Any) -> str:
    return "auto" if isinstance(value, str) else "list"


Recipes = Annotated[
    Annotated[Literal["auto"], Tag("auto")]
    | Annotated[tuple[AnyRecipe, ...], Field(min_length=1, strict=False), Tag("list")],
    Discriminator(_auto_or_list),
]
"""The recipes of a job: a list, or ``auto``."""


@cache
def _adapter() -> TypeAdapter[Recipe]:
    return TypeAdapter(AnyRecipe)


def _tag(name: str) -> str:
    return f"{METHOD_TAG}{name}"


def _discriminate(data: Any) -> str:
    if isinstance(data, Recipe):
        return _tag(f"{data.engine}.{data.method}")
    engine = data.get("engine") or engine_of(data["method"])
    return _tag(f"{engine}.{data['method']}")


def _check_method(data: Any) -> Any:
    """Raise ValueError with a list of methods where no engine offers this one."""
    if isinstance(data, Recipe):
        return data
    engine = data.get("engine") if isinstance(data, Mapping) else None
    if engine is not None and (not isinstance(engine, str) or engine not in ENGINES):
        there_are = f"there are {', '.join(ENGINES)}"
        raise ValueError(f"no engine {short(engine)}{did_you_mean(str(engine), ENGINES)}; {there_are}")
    there = [name for name in method_names(engine) if name not in (PER_PART, CHAIN)]  # jobs say otherwise
    names = ", ".join(map(repr, there))
    if not isinstance(data, Mapping):
        raise ValueError(f"expected a mapping with 'method', got {short(data)}; 'method' is one of {names}")
    if "method" not in data:
        raise ValueError(f"the field 'method' is missing; it is one of {names}")
    method = str(data["method"])
    if method not in (*there, PER_PART, CHAIN):
        raise ValueError(f"no method {short(method)}{did_you_mean(method, there)}; there are {names}")
    return data
