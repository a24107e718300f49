"""Answers to what a search asks its engine, on the disk: after a kill it must take the same way again."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from inc_mlflow.files import read_sealed, sha256_text, write_sealed
from inc_mlflow.search.budget import Budget, Cost

ANSWERS = "questions"


class Answers:
    """One file per question in ``folder``, with what its work has cost."""

    def __init__(self, folder: Path, budget: Budget) -> None:
        self._folder, self._budget = folder, budget

    def __call__(self, question: str, work: Callable[[], Any]) -> Any:
        """Return the known answer, or that of ``work``, which is plain data; its time is spent.

        The first word of a question says of which kind it is. Raises Spent where no budget is left.
        """
        kind, digest = question.split(maxsplit=1)[0], sha256_text(question)[:16]
        path = self._folder / f"{kind}-{digest}.json"
        known = read_sealed(path)
        if known is None:
            with self._budget.spending(Cost()) as spent:
                known = {"answer": work()}
            write_sealed(path, known | vars(spent))
        return known["answer"]


def answers_cost(folder: Path) -> Cost:
    """Return what all answers in a folder have cost."""
    known = filter(None, map(read_sealed, folder.glob("*.json")))
    return sum((Cost(one["cpu_seconds"], one["seconds"]) for one in known), Cost())
