"""A recipe of several steps: what changes the source's module, then what compresses the imported model."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, SerializeAsAny, model_validator

from inc_mlflow.registry.engines import DEFAULT_ENGINE
from inc_mlflow.registry.methods import CHAIN, METHODS, engine_of, method_name, sources_of
from inc_mlflow.spec.recipes import AnyRecipe, Recipe
from inc_mlflow.spec.source import SourceSpec


class Chain(Recipe):
    """Recipes one after the other, in a job written as a list of them."""

    # Its members are recipes of any method: the schema is built when all classes are there.
    model_config = ConfigDict(defer_build=True)

    engine: str = DEFAULT_ENGINE
    method: Literal["chain"] = "chain"
    recipes: Annotated[
        tuple[SerializeAsAny[AnyRecipe], ...],
        Field(
            min_length=1,
            strict=False,
            description="What changes the module, as {method: prune}, and at most one recipe behind it.",
        ),
    ]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        for place, recipe in enumerate(self.recipes):
            if isinstance(recipe, Chain):
                raise ValueError("a list stands in a list; write one list of recipes")
            if not recipe.changes_module and (place == 0 or place + 1 < len(self.recipes)):
                raise ValueError(
                    f"{recipe.method} stands at place {place + 1} of {len(self.recipes)}; a list begins with "
                    "what changes the module, as {method: prune}, and at most one other recipe ends it"
                )
            if recipe.begins_anew and place:
                raise ValueError(
                    f"{recipe.label()} stands at place {place + 1} of {len(self.recipes)}; it builds a "
                    "module of its own, and what stands before it would be lost: put it first"
                )
        return self

    def label(self) -> str:
        """Join the names of all steps."""
        return ", ".join(recipe.label() for recipe in self.recipes)

    @property
    def trains(self) -> bool:
        """All that changes a module trains it."""
        return True

    @property
    def precision(self) -> str:
        """That of what ends it; a changed module alone stays in floating point."""
        return "fp32" if self.final is None else self.final.precision

    @property
    def models(self) -> dict[str, SourceSpec]:
        """Those of all its recipes."""
        found = [one.models for one in self.recipes]
        return {f"recipes[{at}].{field}": m for at, models in enumerate(found) for field, m in models.items()}

    @property
    def stages(self) -> tuple[Recipe, ...]:
        """What comes before the import."""
        return tuple(recipe for recipe in self.recipes if recipe.changes_module)

    @property
    def final(self) -> Recipe | None:
        """What comes behind it."""
        return None if self.recipes[-1].changes_module else self.recipes[-1]

    @property
    def statistics(self) -> frozenset[str]:
        """The kinds that the last recipe needs."""
        return self.recipes[-1].statistics

    @property
    def kept_fp32(self) -> tuple[str, ...]:
        """Nodes that the last recipe leaves in FP32."""
        return self.recipes[-1].kept_fp32


def with_chain(recipe: Any, engines: Sequence[str]) -> Any:
    """Return the data of a chain for a list of recipes, and for a single one that changes the module."""
    if isinstance(recipe, Sequence) and not isinstance(recipe, str):
        recipes = list(recipe)
    elif isinstance(recipe, Mapping) and _changes_module(recipe):
        recipes = [recipe]
    else:
        return recipe
    last = recipes[-1] if recipes and isinstance(recipes[-1], Mapping) else {}
    engine = last.get("engine") or engine_of(CHAIN, engines) or DEFAULT_ENGINE
    return {"engine": engine, "method": CHAIN, "recipes": recipes}


def _changes_module(recipe: Mapping[str, Any]) -> bool:
    method = str(recipe.get("method"))
    name = method_name(str(recipe.get("engine") or engine_of(method)), method)
    return name in METHODS and bool(sources_of(name))
