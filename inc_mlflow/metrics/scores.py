"""Metrics of one number per row: correlation with labels, and how well it ranks positives first."""

from abc import abstractmethod

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import DataError
from inc_mlflow.metrics.labels import BINARY, NUMBER
from inc_mlflow.metrics.metric import NamedMetric


class _Scores(NamedMetric):
    """Outputs (n,) or (n, 1) against labels (n,)."""

    reads = ("scores",)
    decomposable = False
    foresees = True

    def statistics(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """The number and the label of each row."""
        return {
            "score": self._column(outputs["scores"]).astype(np.float64),
            "label": np.asarray(labels).astype(np.float64),
        }

    def aggregate(self, statistics: Arrays) -> float:
        """Return NaN where an output is not finite, or where all labels are the same."""
        score, label = statistics["score"], statistics["label"]
        if not np.isfinite(score).all() or (label == label[0]).all():
            return float("nan")
        return self._of(score, label)

    def missing(self, statistics: Arrays) -> str:
        """Labels that are not all the same."""
        label = statistics["label"]
        return "two labels that differ" if (label == label[0]).all() else ""

    def _column(self, scores: np.ndarray) -> np.ndarray:
        if scores.ndim == 2 and scores.shape[1] == 1:
            return scores[:, 0]
        if scores.ndim != 1:
            raise DataError(
                f"metric: needs outputs of shape (n,) or (n, 1), got {scores.shape}; set metric.output"
            )
        return scores

    def row_weights(self, statistics: Arrays) -> np.ndarray:
        """Return the squared distance of each label from their mean: its weight in a correlation."""
        return np.asarray(np.square(statistics["label"] - statistics["label"].mean()))

    @abstractmethod
    def _of(self, score: np.ndarray, label: np.ndarray) -> float:
        """Return the metric of numbers that are finite and labels that differ."""


class Pearson(_Scores):
    """scipy's ``pearsonr``; 0 for a model that always answers the same."""

    unit = "correlation"
    score_range = (-1.0, 1.0)
    labels = NUMBER

    def _of(self, score: np.ndarray, label: np.ndarray) -> float:
        from scipy.stats import pearsonr

        return 0.0 if (score == score[0]).all() else float(pearsonr(score, label).statistic)


class Spearman(_Scores):
    """scipy's ``spearmanr``; 0 for a model that always answers the same."""

    unit = "correlation"
    score_range = (-1.0, 1.0)
    labels = NUMBER

    def _of(self, score: np.ndarray, label: np.ndarray) -> float:
        from scipy.stats import spearmanr

        return 0.0 if (score == score[0]).all() else float(spearmanr(score, label).statistic)


class Auroc(_Scores):
    """scikit-learn's ``roc_auc_score``.

    Of logits (n, 2) the score is class 1's less class 0's, which ranks as softmax does.
    """

    unit = "area"
    labels = BINARY

    def _column(self, scores: np.ndarray) -> np.ndarray:
        two = scores.ndim == 2 and scores.shape[1] == 2
        return scores[:, 1].astype(np.float64) - scores[:, 0] if two else super()._column(scores)

    def missing(self, statistics: Arrays) -> str:
        """A row of each class."""
        return next((f"row of class {one}" for one in (1, 0) if not (statistics["label"] == one).any()), "")

    def row_weights(self, statistics: Arrays) -> np.ndarray:
        """Rows of the rarer class: each stands in as many pairs as there are of the other."""
        positive = statistics["label"] == 1
        return np.asarray(positive if positive.mean() <= 0.5 else ~positive, np.float64)

    def _of(self, score: np.ndarray, label: np.ndarray) -> float:
        from sklearn.metrics import roc_auc_score

        return float(roc_auc_score(label, score))
