"""Answers to what a search asks its engine, on the disk: after a kill it must take the same way again."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from inc_mlflow.files import read_sealed, sha256_text, write_sealed
from inc_mlflow.search.budget import Budget, Cost, Spent

ANSWERS = "questions"


class Answers:
    """One file per question in ``folder``, with what its work has cost."""

    def __init__(self, folder: Path, budget: Budget) -> None:
        self._folder, self._budget = folder, budget
        self._given, self._most = Cost(), Cost(math.inf, math.inf)

    @contextmanager
    def at_most(self, most: Cost) -> Iterator[None]:
        """Let the answers in the block cost so much together; then those that are not known raise Spent.

        What known ones have cost counts too, so that a search ends its questions where it did before a kill.
        """
        self._given, self._most = Cost(), most
        try:
            yield
        finally:
            self._most = Cost(math.inf, math.inf)

    def __call__(self, question: str, work: Callable[[], Any]) -> Any:
        """Return the known answer, or that of ``work``, which is plain data; its time is spent.

        The first word of a question says of which kind it is. Work may ask further questions, whose cost is
        theirs. Raises Spent where no budget is left.
        """
        kind, digest = question.split(maxsplit=1)[0], sha256_text(question)[:16]
        path = self._folder / f"{kind}-{digest}.json"
        known = read_sealed(path)
        if known is None:
            if self._given.beyond(self._most):
                raise Spent
            with self._budget.spending(Cost()) as spent:
                answer = work()
            known = {"answer": answer, **vars(spent)}
            write_sealed(path, known)
        self._given += _cost(known)
        return known["answer"]


def answers_cost(folder: Path) -> Cost:
    """Return what all answers in a folder have cost."""
    return sum(map(_cost, filter(None, map(read_sealed, folder.glob("*.json")))), Cost())


def _cost(answer: dict[str, Any]) -> Cost:
    return Cost(answer["cpu_seconds"], answer["seconds"])
