"""What an engine that can predict time and error would try: given to a search before its first trial."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, Self, runtime_checkable

from inc_mlflow.arrays import Arrays
from inc_mlflow.engines.engine import MethodData
from inc_mlflow.spec import Recipe, parse_recipe

Recall = Callable[[str, Callable[[], Any]], Any]
"""Returns the journal's answer to a question, or that of the work, plain data, which is written down first.

After a kill the same questions get the same answers. Raises NoTime where none is left for the work.
"""


class NoTime(Exception):  # noqa: N818 - the ordinary end of a search, no error
    """There is no time for more work; what is known until then is the answer."""


LEAST_GAIN = 1.03
"""Below this speed-up nothing is worth a search: it is within the noise of two measurements."""


@dataclass(frozen=True)
class Planned:
    """One recipe, and in one line what stays FP32 in it and why."""

    recipe: Recipe
    reason: str


@dataclass(frozen=True)
class RecipePlan:
    """The recipes worth a trial, fastest first."""

    planned: tuple[Planned, ...]
    gain: float
    """The largest speed-up that any recipe can bring, as far as was measured, whatever its error."""
    limit: float
    """The speed-up with the fastest kernel for everything and no conversion: this CPU can do no more."""

    def plain(self) -> dict[str, Any]:
        """Return it as plain data, for ``from_plain``."""
        planned = [
            {"recipe": one.recipe.model_dump(mode="json", exclude_none=True), "reason": one.reason}
            for one in self.planned
        ]
        return {"planned": planned, "gain": self.gain, "limit": self.limit}

    @classmethod
    def from_plain(cls, data: dict[str, Any]) -> Self:
        """Read plain data."""
        planned = tuple(Planned(parse_recipe(one["recipe"]), one["reason"]) for one in data["planned"])
        return cls(planned, data["gain"], data["limit"])


@runtime_checkable
class Planning(Protocol):
    """A search space that can plan."""

    def plan(
        self, data: MethodData, batches: Sequence[Arrays], recall: Recall, seconds: float
    ) -> RecipePlan | None:
        """Return the plan from a few measurements; None where nothing can be compressed.

        ``batches`` are what trials are timed on, ``seconds`` the time that it should take. Without time for
        all of it, the plan is of what was measured until then. Raises ModelError
        where a model does not run, and NoTime where nothing was measured.
        """
        ...
