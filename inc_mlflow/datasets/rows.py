"""Identity of rows: the digest of the model's inputs finds equal rows across files and formats."""

import hashlib

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import DataError
from inc_mlflow.records import SplitFacts, TensorSpec


def row_digests(inputs: Arrays) -> list[bytes]:
    """Return one sha256 per row: of dtype, shape and bytes of its input arrays, ordered by name."""
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
        self._labels: set[TensorSpec | None] = set()

    def add(self, digests: list[bytes], labels: np.ndarray | None) -> None:
        """Add the next batch."""
        for row, digest in enumerate(digests):
            self._digest.update(digest)
            if labels is not None:
                self._digest.update(_label_bytes(labels[row]))
        self._rows += len(digests)
        self._labels.add(None if labels is None else _label_spec(labels))

    def facts(self, where: str = "data") -> SplitFacts:
        """Return rows, digest and kind of labels so far; raises DataError where labels differ in kind."""
        if len(self._labels) > 1:
            kinds = ", ".join(sorted(str(label and label.dtype) for label in self._labels))
            raise DataError(f"{where}: labels of several kinds ({kinds}); give every row one of the same")
        return SplitFacts(
            rows=self._rows, sha256=self._digest.hexdigest(), labels=next(iter(self._labels), None)
        )


def _label_spec(labels: np.ndarray) -> TensorSpec:
    dtype = labels.dtype.name if labels.dtype.kind in "biuf" else "text"
    return TensorSpec(name="label", dtype=dtype, shape=labels.shape[1:])


def _label_bytes(label: np.ndarray) -> bytes:
    array = np.asarray(label)
    if array.dtype.kind in "US":  # as wide as the longest text of the batch
        texts = [text.encode() if isinstance(text, str) else text for text in array.ravel().tolist()]
        return b"".join(f"text {array.shape} {len(text)}\n".encode() + text for text in texts)
    return f"{array.dtype.str} {array.shape}\n".encode() + array.tobytes()
