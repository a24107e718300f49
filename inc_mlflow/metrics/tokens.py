"""Metrics of one answer per token.

Outputs are logits (n, length, classes), labels (n, length) with -100 where none counts.
"""

import re
from typing import Annotated

import numpy as np
from pydantic import Field, field_validator

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import DataError
from inc_mlflow.metrics.labels import TOKENS
from inc_mlflow.metrics.metric import NamedMetric

PADDING = -100
"""Label of a token that does not count, as in PyTorch and Transformers."""
_AT_A_TIME = 64
"""Tokens whose logits are copied at a time: a vocabulary of 50,000 makes long rows large."""

_Shift = Annotated[
    bool, Field(description="Logits of a token predict the next: labels are the input tokens themselves.")
]


def _aligned(logits: np.ndarray, labels: np.ndarray, shift: bool) -> list[tuple[np.ndarray, np.ndarray]]:
    """Logits and labels of the tokens that count, by row: (counted, classes) and (counted,)."""
    if logits.ndim != 3 or logits.shape[:2] != labels.shape:
        raise DataError(
            f"metric: needs outputs of shape (n, length, classes), got {logits.shape} "
            f"for labels {labels.shape}; set metric.output"
        )
    if shift:
        logits, labels = logits[:, :-1], labels[:, 1:]
    counted = labels != PADDING
    if (counted & ((labels < 0) | (labels >= logits.shape[2]))).any():
        raise DataError(
            f"metric: labels must be -100 or 0 to {logits.shape[2] - 1}, as the outputs have classes"
        )
    return [
        (one[keep], label[keep].astype(np.int64))
        for one, label, keep in zip(logits, labels, counted, strict=True)
    ]


class TokenAccuracy(NamedMetric):
    """Over all tokens of all rows; also the accuracy of a last word, where only its label is not -100."""

    shift: _Shift = False

    unit = "share"
    reads = ("logits",)
    labels = TOKENS
    decomposable = False

    def statistics(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """Tokens of each row that are right, and that count; NaN where a token that counts has NaN."""
        pairs = _aligned(outputs["logits"], np.asarray(labels), self.shift)
        right = [
            np.nan if np.isnan(one).any() else float((one.argmax(axis=1) == label).sum())
            for one, label in pairs
        ]
        return {"right": np.array(right), "tokens": np.array([len(label) for _, label in pairs])}

    def row_weights(self, statistics: Arrays) -> np.ndarray:
        """Tokens that count."""
        return np.asarray(statistics["tokens"], np.float64)

    def aggregate(self, statistics: Arrays) -> float:
        """NaN where no token counts."""
        tokens = statistics["tokens"].sum()
        return float(statistics["right"].sum() / tokens) if tokens else float("nan")

    def missing(self, statistics: Arrays) -> str:
        """A token that counts."""
        return "" if statistics["tokens"].any() else "token that counts"


class Perplexity(NamedMetric):
    """The exponential of the mean negative log likelihood of all tokens (Jelinek et al. 1977)."""

    shift: _Shift = False

    unit = "perplexity"
    score_range = (1.0, None)
    reads = ("logits",)
    labels = TOKENS
    decomposable = False
    higher_is_better = False

    def statistics(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """Negative log likelihood of each row in nats, and its tokens that count."""
        pairs = _aligned(outputs["logits"], np.asarray(labels), self.shift)
        loss = [sum(_losses(*pair)) for pair in pairs]
        return {"loss": np.array(loss, np.float64), "tokens": np.array([len(label) for _, label in pairs])}

    def row_weights(self, statistics: Arrays) -> np.ndarray:
        """Tokens that count."""
        return np.asarray(statistics["tokens"], np.float64)

    def aggregate(self, statistics: Arrays) -> float:
        """NaN where no token counts, infinity where it is too large for a number."""
        tokens = statistics["tokens"].sum()
        with np.errstate(over="ignore"):
            return float(np.exp(statistics["loss"].sum() / tokens)) if tokens else float("nan")

    def missing(self, statistics: Arrays) -> str:
        """A token that counts."""
        return "" if statistics["tokens"].any() else "token that counts"


def _losses(logits: np.ndarray, label: np.ndarray) -> list[float]:
    """Sums of the negative log softmax at the label, a few tokens each.

    NaN where a logit is NaN or all are infinite.
    """
    sums = []
    for start in range(0, len(label), _AT_A_TIME):
        some = logits[start : start + _AT_A_TIME].astype(np.float64)
        with np.errstate(invalid="ignore"):
            some -= some.max(axis=1, keepdims=True)
        chosen = some[np.arange(len(some)), label[start : start + _AT_A_TIME]]
        sums.append(float((np.log(np.exp(some).sum(axis=1)) - chosen).sum()))
    return sums


class EntityF1(NamedMetric):
    """Micro F1 of entities that are right in type and in both ends.

    As in CoNLL-2003 (Tjong Kim Sang and De Meulder). Tags are ``O`` and ``B-type``, ``I-type``;
    an ``I-`` without a beginning starts an entity, as in conlleval and seqeval.
    """

    tags: Annotated[
        tuple[str, ...],
        Field(strict=False, min_length=2, description="Tag of each class, as O, B-PER, I-PER."),
    ]

    unit = "F1"
    reads = ("logits",)
    labels = TOKENS
    decomposable = False

    @field_validator("tags")
    @classmethod
    def _of_conll(cls, tags: tuple[str, ...]) -> tuple[str, ...]:
        for tag in tags:
            if not re.fullmatch(r"O|[BI]-.+", tag):
                raise ValueError(
                    f"{tag!r} is neither O nor B-type nor I-type; "
                    "no other scheme is known, as IOBES or bare B, I"
                )
        return tags

    def statistics(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """Entities of each row that are right, predicted and labelled.

        NaN where a token that counts has NaN.
        """
        logits = outputs["logits"]
        if logits.shape[-1] != len(self.tags):
            raise DataError(
                f"metric.options.tags: {len(self.tags)} for outputs of {logits.shape[-1]} classes; "
                "name every class"
            )
        rows = [self._row(*pair) for pair in _aligned(logits, np.asarray(labels), shift=False)]
        return dict(
            zip(("right", "predicted", "labelled"), np.array(rows, np.float64).reshape(-1, 3).T, strict=True)
        )

    def row_weights(self, statistics: Arrays) -> np.ndarray:
        """Entities that there are."""
        return np.nan_to_num(statistics["labelled"])

    def aggregate(self, statistics: Arrays) -> float:
        """0 where there is no entity at all."""
        right, predicted, labelled = (statistics[name].sum() for name in ("right", "predicted", "labelled"))
        return float(2 * right / (predicted + labelled)) if predicted + labelled else 0.0

    def _row(self, logits: np.ndarray, label: np.ndarray) -> tuple[float, float, float]:
        if np.isnan(logits).any():
            return np.nan, np.nan, np.nan
        predicted, labelled = (
            entities([self.tags[one] for one in classes]) for classes in (logits.argmax(axis=1), label)
        )
        return len(predicted & labelled), len(predicted), len(labelled)


def entities(tags: list[str]) -> set[tuple[str, int, int]]:
    """Return (type, first, last) of every entity in a row of B-, I- and O tags."""
    found, first, kind = set(), 0, ""
    for at, tag in enumerate([*tags, "O"]):
        prefix, _, this = tag.partition("-")
        if kind and (prefix != "I" or this != kind):
            found.add((kind, first, at - 1))
            kind = ""
        if prefix != "O" and not kind:
            first, kind = at, this
    return found
