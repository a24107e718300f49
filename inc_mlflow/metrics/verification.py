"""Face verification: are two images of the same person?"""

from typing import Annotated

import numpy as np
from pydantic import Field

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import DataError
from inc_mlflow.metrics.labels import PAIR
from inc_mlflow.metrics.metric import NamedMetric

_THRESHOLDS = np.arange(0, 4, 0.01)
"""Squared distances of unit vectors lie in 0..4; the grid is that of the published ArcFace results."""


class VerificationAccuracy(NamedMetric):
    """The protocol of LFW (Huang et al. 2007): the threshold of a fold is the best one of the other folds.

    Two rows are a pair, so pairs are resampled. Each pair keeps its fold: a copy of it never helps to choose
    the threshold that judges it.
    """

    folds: Annotated[int, Field(ge=2, description="Parts of the pairs, in the order of their numbers.")] = 10

    unit = "share"
    reads = ("embedding",)
    labels = PAIR
    decomposable = False

    def statistics(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """Embeddings of length 1, and which pair they belong to."""
        embedding = outputs["embedding"].reshape(len(outputs["embedding"]), -1).astype(np.float64)
        length = np.sqrt(np.square(embedding).sum(axis=1, keepdims=True))
        unit = np.divide(embedding, length, out=np.full_like(embedding, np.nan), where=length > 0)
        return {
            "embedding": unit.astype(np.float32),
            "pair": np.asarray(labels)[:, 0],
            "same": np.asarray(labels)[:, 1],
        }

    def group(self, statistics: Arrays) -> Arrays:
        """From rows to pairs. A row without its other half does not count.

        Raises DataError where a pair has more than two rows, or where there are fewer pairs than folds.
        """
        order = np.argsort(statistics["pair"], kind="stable")
        pairs, first, count = np.unique(statistics["pair"][order], return_index=True, return_counts=True)
        if (count > 2).any():
            raise DataError(
                f"metric: pair {pairs[count > 2][0]} has {count.max()} rows; "
                "give every two rows a number of their own"
            )
        whole = first[count == 2]
        if len(whole) < self.folds:
            raise DataError(
                f"metric: {len(whole)} whole pairs for {self.folds} folds; "
                "give more rows, or set options.folds"
            )
        left, right = order[whole], order[whole + 1]
        embedding = statistics["embedding"].astype(np.float64)
        return {
            "distance": np.square(embedding[left] - embedding[right]).sum(axis=1),
            "same": statistics["same"][left],
            "fold": np.arange(len(whole)) * self.folds // len(whole),
        }

    def aggregate(self, statistics: Arrays) -> float:
        """Mean over the folds that hold a pair; NaN where an embedding is NaN or zero."""
        if not np.isfinite(statistics["distance"]).all():
            return float("nan")
        right = self._right(statistics)
        pairs = np.bincount(statistics["fold"], minlength=self.folds)
        best = (right.sum(axis=0) - right).argmax(axis=1)  # chosen on all folds but the one it judges
        judged = right[np.arange(self.folds), best]
        return float((judged[pairs > 0] / pairs[pairs > 0]).mean())

    def _right(self, statistics: Arrays) -> np.ndarray:
        """Return how many pairs of each fold each threshold tells right, (folds, thresholds).

        A pair is taken for the same person where its distance is below the threshold.
        """
        # The first threshold above the distance.
        bins = np.searchsorted(_THRESHOLDS, statistics["distance"], side="right")
        size = len(_THRESHOLDS) + 1
        counts = np.zeros((2, self.folds, size))
        np.add.at(counts, (statistics["same"], statistics["fold"], bins), 1)
        nearer = counts.cumsum(axis=2)[..., :-1]
        return np.asarray(nearer[1] + counts[0].sum(axis=1, keepdims=True) - nearer[0])
