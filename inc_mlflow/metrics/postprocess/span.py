"""The answer in a text, from where it may start and end."""

from typing import Annotated

import numpy as np
from pydantic import Field

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import DataError
from inc_mlflow.metrics.labels import json_text, structured
from inc_mlflow.metrics.postprocess.postprocess import Postprocess
from inc_mlflow.metrics.squad import Place, Question
from inc_mlflow.metrics.text import BROKEN


class Placed(Question):
    """A question with the place of each token in its context."""

    context: str
    offsets: list[Place | None]


class SquadSpan(Postprocess):
    """The span with the largest sum of start and end logit (Devlin et al. 2018, section 4.2).

    One row is one question.
    """

    max_length: Annotated[int, Field(ge=1, description="Tokens of an answer.")] = 30
    null_threshold: Annotated[
        float | None,
        Field(
            description="SQuAD v2: no answer where the first token scores higher than the best span "
            "by more than this."
        ),
    ] = None

    reads = ("start", "end")
    gives = ("text",)
    labels = json_text(Placed)

    def __call__(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """Logits (n, length) each -> texts (n,)."""
        start, end = outputs["start"], outputs["end"]
        if start.ndim != 2 or start.shape != end.shape:
            raise DataError(
                f"metric: squad_span needs start and end (n, length), got {start.shape} and {end.shape}"
            )
        questions = structured(np.asarray(labels), Placed)
        rows = zip(start.astype(np.float64), end.astype(np.float64), questions, strict=True)
        return {"text": np.array([self._answer(*row) for row in rows], object)}

    def _answer(self, start: np.ndarray, end: np.ndarray, question: Placed) -> str:
        if np.isnan(start).any() or np.isnan(end).any():
            return BROKEN
        if len(question.offsets) > len(start):
            raise DataError(
                f"label: {len(question.offsets)} offsets for outputs of {len(start)} tokens; "
                "give one per token"
            )
        places = np.array([at for at, place in enumerate(question.offsets) if place is not None], int)
        if not len(places):
            return ""
        length = places[None, :] - places[:, None]
        possible = (length >= 0) & (length < self.max_length)
        scores = np.where(possible, start[places][:, None] + end[places][None, :], -np.inf)
        first, last = (places[at] for at in np.unravel_index(scores.argmax(), scores.shape))
        if self.null_threshold is not None and start[0] + end[0] - scores.max() > self.null_threshold:
            return ""
        return _text(question, int(first), int(last))


def _text(question: Placed, first: int, last: int) -> str:
    begin, end = question.offsets[first], question.offsets[last]
    return question.context[begin[0] : end[1]] if begin and end else ""
