"""Answers to questions, as SQuAD judges them (Rajpurkar et al. 2016, 2018)."""

import re
import string
from abc import abstractmethod
from collections import Counter
from typing import Annotated

import numpy as np
from pydantic import Field

from inc_mlflow.arrays import Arrays
from inc_mlflow.metrics.labels import json_text, structured
from inc_mlflow.metrics.metric import NamedMetric
from inc_mlflow.metrics.text import broken, texts
from inc_mlflow.spec.spec_model import SpecModel

Place = Annotated[list[int], Field(min_length=2, max_length=2)]
"""First letter of a token in the context, and the one after its last."""


class Question(SpecModel):
    """The label of one row; ``context`` and ``offsets`` are for the postprocess ``squad_span``."""

    answers: Annotated[list[str], Field(description="Any of them is right; none: there is no answer (v2).")]
    context: Annotated[str, Field(description="The text that holds the answer.")] = ""
    offsets: list[Place | None] = Field(
        default_factory=list, description="Of each token, its place in the context; null outside of it."
    )


QUESTION = json_text(Question)


class _Squad(NamedMetric):
    """The best score over all answers, as in the official evaluation of v2.

    Where every question has an answer, that is the evaluation of v1.1.
    """

    unit = "share"
    reads = ("text",)
    labels = QUESTION
    decomposable = True

    def statistics(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """The score of each row."""
        written = texts(outputs["text"])
        rows = zip(written, structured(np.asarray(labels), Question), strict=True)
        scores = np.array(
            [max(self._one(words(text), answer) for answer in _answers(question)) for text, question in rows],
            float,
        )
        return {"score": np.where(broken(written), 0.0, scores)}

    def aggregate(self, statistics: Arrays) -> np.ndarray:
        """0 to 1 per row."""
        return statistics["score"]

    @abstractmethod
    def _one(self, written: list[str], answer: list[str]) -> float: ...


class SquadEm(_Squad):
    """Equal but for case, punctuation, articles and spaces."""

    binary = True

    def _one(self, written: list[str], answer: list[str]) -> float:
        return float(written == answer)


class SquadF1(_Squad):
    """Words in common; where there is no answer, 1 for none and else 0."""

    unit = "F1"

    def _one(self, written: list[str], answer: list[str]) -> float:
        if not written or not answer:
            return float(written == answer)
        common = sum((Counter(written) & Counter(answer)).values())
        return 2 * common / (len(written) + len(answer))


def words(text: str) -> list[str]:
    """Return an answer's words without case, punctuation and articles."""
    plain = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", plain).split()


def _answers(question: Question) -> list[list[str]]:
    """Return the words of the answers that have some; one empty answer where none has."""
    return [found for answer in question.answers if (found := words(answer))] or [[]]
