"""Metrics of classifiers; the kept output is what ``score`` compares with integer labels of shape (n,)."""

import numpy as np

from inc_mlflow.errors import DataError
from inc_mlflow.metrics.metric import NamedMetric

_NO_ANSWER = np.iinfo(np.int64).min
"""Class of a sample whose outputs are NaN: no label is that."""


def _classes(logits: np.ndarray) -> np.ndarray:
    """Class of each sample, (n, classes) -> (n,); of a tie the first."""
    if logits.ndim != 2 or logits.shape[1] < 2:
        raise DataError(f"metric: classification needs outputs of shape (n, classes), got {logits.shape}; set metric.output")
    predicted = logits.argmax(axis=1)
    # argmax takes NaN for the largest; a sample without an answer must not count as one.
    return np.where(np.isnan(logits).any(axis=1), _NO_ANSWER, predicted)


def _five(logits: np.ndarray) -> np.ndarray:
    """The five best classes of each sample, (n, classes) -> (n, 5)."""
    if logits.ndim != 2 or logits.shape[1] < 5:
        raise DataError(f"metric: top5 needs outputs of shape (n, at least 5), got {logits.shape}; set metric.output")
    best = np.argsort(-logits, axis=1, kind="stable")[:, :5]
    return np.where(np.isnan(logits).any(axis=1, keepdims=True), _NO_ANSWER, best)


def _top1(predicted: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.asarray(predicted == labels, np.float64)


def _top5(best: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return np.asarray((best == labels[:, None]).any(axis=1), np.float64)


def _f1(predicted: np.ndarray, labels: np.ndarray) -> float:
    """Binary F1 of class 1 where labels are 0 and 1, else the macro average (scikit-learn's definitions)."""
    from sklearn.metrics import f1_score

    if np.isin(labels, (0, 1)).all():  # by the labels alone: predictions must not change what is measured
        return float(f1_score(labels == 1, predicted == 1, zero_division=0.0))
    classes = np.setdiff1d(np.union1d(labels, predicted), [_NO_ANSWER])
    return float(f1_score(labels, predicted, labels=classes, average="macro", zero_division=0.0))


TOP1 = NamedMetric("top1", "share of samples whose best class is the label", _classes, _top1, True, binary=True)
TOP5 = NamedMetric("top5", "share of samples with the label among the best five classes", _five, _top5, True, binary=True)
F1 = NamedMetric("f1", "F1 of class 1 for labels 0 and 1, else the macro average", _classes, _f1, False)
