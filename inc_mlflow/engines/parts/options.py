"""The options of the method of this engine: a recipe for each part that is compressed."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, SerializeAsAny

from inc_mlflow.files import canonical_json
from inc_mlflow.spec.recipes import AnyRecipe, Recipe

_BETWEEN = "/"
"""Stands between the name of a part and that of its node."""


class PerPart(Recipe):
    """A recipe of its own for each part; parts without one stay FP32."""

    # Recipes of parts are those of any method: the schema is built when all classes are there.
    model_config = ConfigDict(defer_build=True)

    engine: Literal["parts"] = "parts"
    method: Literal["per_part"] = "per_part"
    parts: Annotated[
        dict[str, SerializeAsAny[AnyRecipe]],
        Field(min_length=1, description="Part -> its recipe, as {encoder: {method: dynamic}}."),
    ]

    def __hash__(self) -> int:
        return hash(canonical_json(self.model_dump(mode="json")))

    def label(self) -> str:
        """Name the recipe by its parts; those with the same recipe stand together."""
        parts: dict[str, list[str]] = {}
        for name, recipe in self.parts.items():
            parts.setdefault(recipe.label(), []).append(name)
        return "; ".join(f"{'+'.join(names)} {label}" for label, names in parts.items())

    @property
    def statistics(self) -> frozenset[str]:
        """The kinds that any part needs."""
        return frozenset().union(*(recipe.statistics for recipe in self.parts.values()))

    @property
    def kept_fp32(self) -> tuple[str, ...]:
        """Nodes that stay FP32, as "part/node"."""
        return tuple(in_part(part, node) for part, one in self.parts.items() for node in one.kept_fp32)

    def unprotected(self) -> Self | None:
        """Return the recipe whose protected form this one is; None where no part is protected."""
        changed = {part: one for part, recipe in self.parts.items() if (one := recipe.unprotected())}
        return self.of(self.parts | changed) if changed else None

    def of(self, parts: dict[str, Any]) -> Self:
        """Return a recipe with these recipes of parts."""
        return self.model_copy(update={"parts": parts})


def in_part(part: str, node: str) -> str:
    """Return the name of a part's node in the whole model."""
    return f"{part}{_BETWEEN}{node}"


def nodes_of(part: str, nodes: tuple[str, ...]) -> tuple[str, ...]:
    """Return the nodes of one part by their own names."""
    start = in_part(part, "")
    return tuple(node.removeprefix(start) for node in nodes if node.startswith(start))
