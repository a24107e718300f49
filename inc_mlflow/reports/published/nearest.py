"""Which published rows are of a model like this one, by its name."""

import re
from collections.abc import Iterable

from inc_mlflow.reports.published.row import PublishedRow

_WORD = re.compile(r"[a-z]+|\d+")
_SAID_OF_MANY = {
    "base",
    "cased",
    "fp",
    "int",
    "large",
    "mini",
    "mlperf",
    "model",
    "net",
    "onnx",
    "opset",
    "q",
    "s",
    "sim",
    "simplified",
    "small",
    "tiny",
    "uncased",
    "v",
    "zoo",
}
"""Words that tell no family of models."""


def nearest(name: str, rows: Iterable[PublishedRow]) -> list[PublishedRow]:
    """Return the rows whose model shares the name of a family with ``name``, the likest first.

    Likeness is the share of words and numbers that both names have, of all that either has. Spelling does not
    count: `resnet50-v1-5.onnx` is as near to `ResNet50 V1.5` as that is to itself.
    """
    wanted = _words(name)
    near = [(_likeness(wanted, _words(row.model)), row) for row in rows]
    return [row for likeness, row in sorted(near, key=lambda one: -one[0]) if likeness]


def _words(name: str) -> frozenset[str]:
    return frozenset(_WORD.findall(name.lower()))


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    """Return 0 where no family is named by both, else the share of common words."""
    common = one & other
    families = {word for word in common - _SAID_OF_MANY if word.isalpha()}
    return len(common) / len(one | other) if families else 0.0
