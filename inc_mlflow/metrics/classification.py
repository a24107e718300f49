"""Metrics of one class per row.

Outputs are logits (n, classes), or whole numbers (n,): the classes themselves.
"""

from abc import abstractmethod

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import DataError
from inc_mlflow.metrics.labels import BINARY, CLASS, class_weights
from inc_mlflow.metrics.metric import NO_CLASS, NamedMetric


def _classes(logits: np.ndarray) -> np.ndarray:
    """Class of each row, (n, classes) -> (n,); of a tie the first."""
    if logits.ndim == 1 and logits.dtype.kind in "iu":
        return logits.astype(np.int64)
    if logits.ndim != 2 or logits.shape[1] < 2:
        raise DataError(
            f"metric: classification needs outputs of shape (n, classes), got {logits.shape}; "
            "set metric.output"
        )
    # argmax takes NaN for the largest; a row without an answer must not count as one.
    return np.where(np.isnan(logits).any(axis=1), NO_CLASS, logits.argmax(axis=1))


def _known(labels: np.ndarray | None, logits: np.ndarray) -> np.ndarray:
    """Return the labels as int64; raises DataError where one is no class of the logits."""
    known = np.asarray(labels).astype(np.int64)
    classes = logits.shape[1] if logits.ndim == 2 else None
    if classes is not None and known.size and not (known.min() >= 0 and known.max() < classes):
        raise DataError(
            f"metric: labels {known.min()} to {known.max()} for {classes} classes, "
            f"which are 0 to {classes - 1}; number them as the model does, or set metric.output"
        )
    return known


def _five(logits: np.ndarray) -> np.ndarray:
    """The five best classes of each row, (n, classes) -> (n, 5)."""
    if logits.ndim != 2 or logits.shape[1] < 5:
        raise DataError(
            f"metric: top5 needs outputs of shape (n, at least 5), got {logits.shape}; set metric.output"
        )
    best = np.argsort(-logits, axis=1, kind="stable")[:, :5]
    return np.where(np.isnan(logits).any(axis=1, keepdims=True), NO_CLASS, best)


class Top1(NamedMetric):
    """Accuracy."""

    unit = "share"
    reads = ("logits",)
    labels = CLASS
    decomposable = True
    binary = True

    def statistics(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """Whether each row is right."""
        return {"right": _classes(outputs["logits"]) == _known(labels, outputs["logits"])}

    def aggregate(self, statistics: Arrays) -> np.ndarray:
        """1 or 0 per row."""
        return np.asarray(statistics["right"], np.float64)


class Top5(Top1):
    """Accuracy of five guesses."""

    def statistics(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """Whether each row is right."""
        return {"right": (_five(outputs["logits"]) == _known(labels, outputs["logits"])[:, None]).any(axis=1)}


class Agreement(NamedMetric):
    """Fidelity to the baseline, whose own agreement is 1; needs no labels."""

    unit = "share"
    reads = ("logits",)
    labels = None  # the baseline is what it compares with
    decomposable = True
    binary = True

    def statistics(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """The class of each row."""
        return {"predicted": _classes(outputs["logits"])}

    def aggregate(self, statistics: Arrays) -> np.ndarray:
        """1 per row that has a class."""
        return np.asarray(statistics["predicted"] != NO_CLASS, np.float64)

    def score(self, statistics: Arrays, reference: Arrays) -> np.ndarray:
        """1 per row with the class that the baseline chose."""
        same = statistics["predicted"] == reference["predicted"]
        return np.asarray(np.where(same, self.aggregate(statistics), 0.0))


class _Confusion(NamedMetric):
    """A metric of predicted classes against labels, both (n,)."""

    reads = ("logits",)
    labels = CLASS
    decomposable = False

    def statistics(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """The class and the label of each row."""
        return {"predicted": _classes(outputs["logits"]), "label": _known(labels, outputs["logits"])}

    def aggregate(self, statistics: Arrays) -> float:
        """Return NaN where a row has no answer, since counting it as no class could raise the score."""
        predicted, label = statistics["predicted"], statistics["label"]
        return float("nan") if (predicted == NO_CLASS).any() else self._of(predicted, label)

    def row_weights(self, statistics: Arrays) -> np.ndarray:
        """Every class counts as much, whether many rows are of it or few."""
        return class_weights(statistics["label"])

    @abstractmethod
    def _of(self, predicted: np.ndarray, label: np.ndarray) -> float: ...


class F1Binary(_Confusion):
    """scikit-learn's ``f1_score``; 0 where class 1 is neither predicted nor a label."""

    unit = "F1"
    labels = BINARY

    def row_weights(self, statistics: Arrays) -> np.ndarray:
        """Rows of class 1; all others only come in where they are taken for it."""
        return np.asarray(statistics["label"] == 1, np.float64)

    def _of(self, predicted: np.ndarray, label: np.ndarray) -> float:
        from sklearn.metrics import f1_score

        return float(f1_score(label == 1, predicted == 1, zero_division=0.0))


class F1Macro(_Confusion):
    """scikit-learn's ``f1_score(average="macro")`` over the classes that are predicted or labels."""

    unit = "F1"

    def _of(self, predicted: np.ndarray, label: np.ndarray) -> float:
        from sklearn.metrics import f1_score

        return float(f1_score(label, predicted, average="macro", zero_division=0.0))


class F1(NamedMetric):
    """F1Binary where all labels of the split are 0 or 1, else F1Macro.

    The labels of the whole split decide, so that neither predictions nor a resample change the metric.
    """

    unit = "F1"
    reads = ("logits",)
    labels = CLASS
    decomposable = False

    def statistics(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """The class and the label of each row."""
        return F1Macro().statistics(outputs, labels)

    def group(self, statistics: Arrays) -> Arrays:
        """Note with every row whether all labels are 0 or 1."""
        return statistics | {
            "binary": np.full(len(statistics["label"]), np.isin(statistics["label"], (0, 1)).all())
        }

    def aggregate(self, statistics: Arrays) -> float:
        """NaN where a row has no answer."""
        return self._kind(statistics).aggregate(statistics)

    def row_weights(self, statistics: Arrays) -> np.ndarray:
        """Return the weights of the F1 that the labels choose."""
        return self._kind(statistics).row_weights(statistics)

    def _kind(self, statistics: Arrays) -> _Confusion:
        return F1Binary() if statistics["binary"].all() else F1Macro()


class Matthews(_Confusion):
    """scikit-learn's ``matthews_corrcoef``; 0 where predictions or labels are all of one class."""

    unit = "correlation"
    score_range = (-1.0, 1.0)

    def _of(self, predicted: np.ndarray, label: np.ndarray) -> float:
        from sklearn.metrics import matthews_corrcoef

        constant = (predicted == predicted[0]).all() or (label == label[0]).all()
        return 0.0 if constant else float(matthews_corrcoef(label, predicted))
