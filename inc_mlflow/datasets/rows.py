"""Identity of rows: the digest of what the model is fed, so that equal rows are found across files and formats."""

import hashlib

import numpy as np

from inc_mlflow.datasets.source import Arrays
from inc_mlflow.records import SplitFacts


def row_digests(inputs: Arrays) -> list[bytes]:
    """Return one sha256 per row over dtype, shape and bytes of its input arrays, in the order of their names."""
    arrays = [(name, np.ascontiguousarray(inputs[name])) for name in sorted(inputs)]
    count = len(arrays[0][1])
    return [_digest([(name, array[row]) for name, array in arrays]) for row in range(count)]


def _digest(arrays: list[tuple[str, np.ndarray]]) -> bytes:
    digest = hashlib.sha256()
    for name, array in arrays:
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(array.tobytes())
    return digest.digest()


class Content:
    """The running digest of a split: row digests and labels in order, however the rows were batched."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._rows = 0
        self._labelled = False

    def add(self, digests: list[bytes], labels: np.ndarray | None) -> None:
        """Take up the next batch."""
        for row, digest in enumerate(digests):
            self._digest.update(digest)
            if labels is not None:
                self._digest.update(_label_bytes(labels[row]))
        self._rows += len(digests)
        self._labelled |= labels is not None

    def facts(self) -> SplitFacts:
        """Return what has been seen so far."""
        return SplitFacts(rows=self._rows, sha256=self._digest.hexdigest(), labelled=self._labelled)


def _label_bytes(label: np.ndarray) -> bytes:
    array = np.asarray(label)
    return f"{array.dtype.str} {array.shape}\n".encode() + array.tobytes()
