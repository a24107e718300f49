"""Kinds of labels: what a metric compares with, checked on every row before any work is spent."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from pydantic import ValidationError

from inc_mlflow.errors import DataError
from inc_mlflow.spec.spec_model import SpecModel, spec_error

Structure = TypeVar("Structure", bound=SpecModel)


@dataclass(frozen=True)
class LabelKind:
    """What a metric or a post-processing needs of the labels."""

    description: str
    """What the labels must be, for messages and the documentation."""
    fits: Callable[[np.ndarray], bool]
    """Tell whether shape and type of a batch are right."""
    structure: type[SpecModel] | None = None
    """Model of the JSON text of each row; None where labels are no JSON."""
    wrong: Callable[[np.ndarray], str] = lambda labels: ""
    """Return what is wrong with values whose shape and type fit; empty where nothing."""

    def check(self, metric: str, labels: np.ndarray | None) -> None:
        """Raise DataError where a metric cannot take the labels of a batch; JSON is left to ``read``."""
        if labels is None:
            raise DataError(f"metric {metric} needs labels and the split has none; add them")
        if not self.fits(labels):
            dtype = (
                labels.dtype.name
                if labels.dtype.kind in "biuf"
                else "text"
                if labels.dtype.kind == "U"
                else labels.dtype
            )
            shape = f" of shape {labels.shape[1:]}" if labels.ndim > 1 else ""
            raise DataError(
                f"metric {metric} takes {self.description}, labels are {dtype}{shape}{_not_finite(labels)}"
            )
        if wrong := self.wrong(labels):
            raise DataError(f"metric {metric} takes {self.description}; {wrong}")

    def read(self, labels: np.ndarray) -> None:
        """Raise DataError where the JSON text of a row is not what it should be."""
        if self.structure is not None:
            structured(labels, self.structure)


def structured(labels: np.ndarray, structure: type[Structure]) -> list[Structure]:
    """Read the JSON text of each row; raises DataError, which shows the beginning of a wrong one."""
    return [_structured(str(label), structure) for label in labels]


def _structured(label: str, structure: type[Structure]) -> Structure:
    try:
        return structure.model_validate_json(label)
    except ValidationError as error:
        fields = ", ".join(structure.model_fields)
        raise DataError(
            f"label {label[:40]!r}: {spec_error(error)}; a label is JSON text with {fields}"
        ) from error


def _not_finite(labels: np.ndarray) -> str:
    return " with NaN or infinity" if labels.dtype.kind == "f" and not np.isfinite(labels).all() else ""


def _whole(rank: int) -> Callable[[np.ndarray], bool]:
    return lambda labels: labels.ndim == rank and labels.dtype.kind in "biu"


def _number(labels: np.ndarray) -> bool:
    return labels.ndim == 1 and labels.dtype.kind in "biuf" and bool(np.isfinite(labels).all())


def _binary(labels: np.ndarray) -> bool:
    return _whole(1)(labels) and bool(np.isin(labels, (0, 1)).all())


def _text(labels: np.ndarray) -> bool:
    return labels.ndim == 1 and labels.dtype.kind == "U"


def _boxes(labels: np.ndarray) -> bool:
    return (
        labels.ndim == 3
        and labels.shape[2] in (5, 6)
        and labels.dtype.kind in "biuf"
        and bool(np.isfinite(labels).all())
    )


def _wrong_box(labels: np.ndarray) -> str:
    boxes = labels[labels[..., 4] >= 0]
    if (boxes[:, 2:4] < boxes[:, :2]).any():
        return "a box ends before it starts, as x, y, width, height would"
    if (labels[..., 4] % 1 != 0).any():
        return "a class is no whole number"
    return "crowd is neither 0 nor 1" if not np.isin(boxes[:, 5:], (0, 1)).all() else ""


def _pair(labels: np.ndarray) -> bool:
    return _whole(2)(labels) and labels.shape[1] == 2 and bool(np.isin(labels[:, 1], (0, 1)).all())


def json_text(structure: type[SpecModel]) -> LabelKind:
    """Return the kind of labels that are one JSON text per row with these fields."""
    return LabelKind(f"one JSON text per row with {', '.join(structure.model_fields)}", _text, structure)


CLASS = LabelKind("one whole number per row", _whole(1))
BINARY = LabelKind("0 or 1 per row", _binary)
NUMBER = LabelKind("one finite number per row", _number)
TOKENS = LabelKind("whole numbers of shape (length,) per row, -100 where none counts", _whole(2))
MASK = LabelKind("whole numbers of shape (height, width) per row", _whole(3))
TEXT = LabelKind("one text per row", _text)
BOXES = LabelKind(
    "boxes of shape (most, 5 or 6) per row: x1, y1, x2, y2, class (-1 where there is none), crowd",
    _boxes,
    wrong=_wrong_box,
)
PAIR = LabelKind("two whole numbers per row: the pair, and 1 where both are the same, else 0", _pair)


def class_weights(labels: np.ndarray) -> np.ndarray:
    """Return weights of rows by which every class weighs as much, shape (n,), from labels of that shape."""
    _, kinds, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.asarray(1 / counts[kinds.ravel()])
