"""A search without an engine: recipes, their space and a runner that answers with made-up trials."""

from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field

from inc_mlflow.engines.plan import RecipePlan
from inc_mlflow.records import Interval, Trial
from inc_mlflow.search import mending, planned, strategy
from inc_mlflow.spec import Recipe

Names = Annotated[tuple[str, ...], Field(strict=False)]


class ToyRecipe(Recipe):
    """One of two methods, with what a search refines."""

    engine: str = "toy"
    method: Literal["coarse", "fine"] = "coarse"
    ranges: Literal["widest", "narrow"] = "widest"
    corrected: bool = False
    guarded: bool = False
    number: int = 0
    """Tells recipes apart that differ in nothing else."""
    fp32: Names = ()

    @property
    def kept_fp32(self) -> tuple[str, ...]:
        """Nodes that stay FP32."""
        return self.fp32

    def unprotected(self) -> "ToyRecipe | None":
        """Return the recipe that is not guarded; None where this one is not."""
        return self.model_copy(update={"guarded": False}) if self.guarded else None


class ToySpace:
    """Two methods, two refinements, and nodes that can be left out."""

    methods = ("coarse", "fine")

    def first(self) -> Iterator[Recipe]:
        """Yield both methods as they are."""
        yield from (ToyRecipe(method=method) for method in self.methods)

    def refinements(self) -> Sequence[Callable[[Recipe], Iterator[Recipe]]]:
        """Return two phases, which change one field each."""
        return self._narrow, self._corrected

    def without(self, recipe: Recipe, nodes: Sequence[str]) -> Recipe:
        """Return the recipe with more nodes in FP32."""
        return recipe.model_copy(update={"fp32": (*recipe.kept_fp32, *nodes)})

    def protected(self, recipe: Recipe, everywhere: bool) -> Recipe | None:
        """Return the guarded recipe; a coarse one is guarded only where ``everywhere`` is set."""
        if recipe.guarded or (recipe.method == "coarse" and not everywhere):
            return None
        return recipe.model_copy(update={"guarded": True})

    def _narrow(self, recipe: Recipe) -> Iterator[Recipe]:
        yield recipe.model_copy(update={"ranges": "narrow"})

    def _corrected(self, recipe: Recipe) -> Iterator[Recipe]:
        yield recipe.model_copy(update={"corrected": True})


class ToyRunner:
    """Answers a recipe with ``answer(recipe)``, the same trial for the same recipe.

    ``slower`` and ``sensitive`` give nodes by recipe. ``tried`` has the recipes in their order, each once.
    """

    def __init__(
        self,
        answer: Callable[[ToyRecipe], Trial],
        slower: Callable[[ToyRecipe], Sequence[str]] = lambda _: (),
        sensitive: Callable[[ToyRecipe], Sequence[str]] = lambda _: (),
    ) -> None:
        self.trials: list[Trial] = []
        self.planned: RecipePlan | None = None
        self.tried: list[ToyRecipe] = []
        self._answer, self.slower_nodes, self.sensitive_nodes = answer, slower, sensitive

    def plan(self, space: ToySpace) -> RecipePlan | None:
        """Return what was given as the plan."""
        return self.planned

    def trial(self, recipe: ToyRecipe) -> Trial:
        """Return the trial of a recipe; a new one is added to the trials."""
        if recipe not in self.tried:
            self.tried.append(recipe)
            self.trials.append(self._answer(recipe))
        return self.trials[self.tried.index(recipe)]


def trial(
    recipe: Recipe | None = None,
    *,
    speed: float = 1.5,
    drop: float | None = 0.0,
    high: float | None = None,
    error: float = 0.01,
    rejected: str | None = None,
    sha256: str | None = "a" * 64,
) -> Trial:
    """Make up a trial; ``high`` is the upper bound of its drop, 1 % is allowed; without a drop it has no score."""
    recipe = recipe or ToyRecipe()
    plain = recipe.unprotected()
    return Trial(
        recipe=recipe.model_dump(mode="json", exclude_none=True),
        label=recipe.label(),
        protects=plain and plain.model_dump(mode="json", exclude_none=True),
        directory="trials/1",
        sha256=sha256,
        size_bytes=1,
        speedup=Interval.exact(speed),
        rows=100,
        accuracy=None if drop is None else 1 - drop,
        relative_drop=None if drop is None else Interval(value=drop, low=drop, high=high or drop),
        disagreement=None,
        max_relative_drop=0.01,
        output_error=error,
        rejected=rejected,
        cpu_seconds=1.0,
        seconds=1.0,
    )


def know_toys(monkeypatch) -> None:
    """Let a search read these recipes, which no registry has."""
    for module in (mending, planned, strategy):
        monkeypatch.setattr(module, "parse_recipe", ToyRecipe.model_validate)


def explore(runner: ToyRunner, monkeypatch, space: ToySpace | None = None) -> list[ToyRecipe]:
    """Search the toy space and return the recipes in the order in which they were tried."""
    know_toys(monkeypatch)
    strategy.explore(space or ToySpace(), runner)
    return runner.tried


def protect(runner: ToyRunner, monkeypatch, everywhere: bool) -> list[ToyRecipe]:
    """Protect what the gate would get and return the recipes in the order in which they were tried."""
    know_toys(monkeypatch)
    strategy.protect(ToySpace(), runner, everywhere)
    return runner.tried
