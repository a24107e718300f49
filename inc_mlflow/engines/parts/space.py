"""What a search may try on a model of parts: each part alone, all together, and what refines each part."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, product, zip_longest

from inc_mlflow.engines.engine import SearchSpace
from inc_mlflow.engines.parts.options import PerPart, nodes_of
from inc_mlflow.spec import Recipe
from inc_mlflow.spec.parts import PER_PART

_MOST = 24
"""Combinations of the parts' best-known recipes that are tried; two parts with two methods have eight."""


class PartsSpace:
    """The recipes worth trying, by the search spaces of the parts."""

    methods = (PER_PART,)

    def __init__(self, parts: Mapping[str, SearchSpace]) -> None:
        self._parts = parts

    def first(self) -> Iterator[PerPart]:
        """Yield combinations of each part's first recipe of each method; those of most parts come first."""
        choices = {name: [*self._of_each_method(space), None] for name, space in self._parts.items()}
        combined = [
            {name: recipe for name, recipe in zip(choices, chosen, strict=True) if recipe is not None}
            for chosen in product(*choices.values())
        ]
        combined.sort(key=len, reverse=True)  # stable: within a number of parts, the first recipes come first
        yield from (PerPart(parts=parts) for parts in islice(filter(None, combined), _MOST))

    def refinements(self) -> Sequence[Callable[[Recipe], Iterator[Recipe]]]:
        """Return the phases: other recipes of the same method, then the parts' own phases, part by part."""
        phases = [space.refinements() for space in self._parts.values()]
        return (self._others, *(self._phase(index) for index in range(max(map(len, phases), default=0))))

    def without(self, recipe: Recipe, nodes: Sequence[str]) -> Recipe:
        """Return the recipe with more nodes in FP32, given as "part/node"."""
        given = _per_part(recipe)
        changed = {
            name: self._parts[name].without(one, own)
            for name, one in given.parts.items()
            if (own := nodes_of(name, tuple(nodes)))
        }
        return given.of(given.parts | changed)

    def protected(self, recipe: Recipe, everywhere: bool) -> Recipe | None:
        """Return the recipe with each part in its form that is safe on other CPUs; None where all are."""
        given = _per_part(recipe)
        changed = {
            name: safe
            for name, one in given.parts.items()
            if (safe := self._parts[name].protected(one, everywhere)) is not None
        }
        return given.of(given.parts | changed) if changed else None

    def _of_each_method(self, space: SearchSpace) -> list[Recipe]:
        first: dict[str, Recipe] = {}
        for recipe in space.first():
            first.setdefault(recipe.method, recipe)
        return list(first.values())

    def _others(self, given: Recipe) -> Iterator[Recipe]:
        """Yield the recipe with other recipes of the same method, one part at a time, the parts in turns."""
        recipe = _per_part(given)
        others = [
            [
                recipe.of(recipe.parts | {name: other})
                for other in self._parts[name].first()
                if other.method == one.method and other != one
            ]
            for name, one in recipe.parts.items()
        ]
        yield from (other for turn in zip_longest(*others) for other in turn if other is not None)

    def _phase(self, index: int) -> Callable[[Recipe], Iterator[Recipe]]:
        def refine(given: Recipe) -> Iterator[Recipe]:
            recipe = _per_part(given)
            for name, one in recipe.parts.items():
                phases = self._parts[name].refinements()
                for other in phases[index](one) if index < len(phases) else ():
                    yield recipe.of(recipe.parts | {name: other})

        return refine


def _per_part(recipe: Recipe) -> PerPart:
    if not isinstance(recipe, PerPart):
        raise TypeError(f"a recipe of another engine: {recipe.engine}")
    return recipe
