"""From tokens or frames to text."""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field, PrivateAttr, ValidationInfo, field_validator

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import DataError
from inc_mlflow.metrics.postprocess.postprocess import Postprocess
from inc_mlflow.metrics.text import BROKEN
from inc_mlflow.tokenizer import read_tokenizer, tokenizing

_FIELD = "metric.postprocess.tokenizer"


class Decode(Postprocess):
    """Special tokens and negative numbers leave no text."""

    tokenizer: Annotated[str, Field(description="A tokenizer.json, relative to the job file.")]
    end: Annotated[int | None, Field(ge=0, description="Token after which a text ends.")] = None

    reads = ("tokens",)
    gives = ("text",)
    _read: Any = PrivateAttr(default=None)

    @field_validator("tokenizer")
    @classmethod
    def _beside_the_job(cls, path: str, info: ValidationInfo) -> str:
        return str((info.context or {}).get("root", Path()) / path)

    def model_post_init(self, context: Any) -> None:
        """Read the tokenizer now: a job that names no such file is refused before any work."""
        self._read = read_tokenizer(Path(self.tokenizer), _FIELD)

    def __call__(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """Tokens (n, length), or their logits (n, length, vocabulary) -> texts (n,)."""
        tokens = outputs["tokens"]
        if tokens.ndim == 3:
            return _texts(
                [self._text(row.argmax(axis=1)) for row in tokens], np.isnan(tokens).any(axis=(1, 2))
            )
        if tokens.ndim != 2 or tokens.dtype.kind not in "iu":
            raise DataError(
                f"metric: decode needs tokens (n, length), got {tokens.dtype} of shape {tokens.shape}; "
                "set metric.outputs"
            )
        return _texts([self._text(row) for row in tokens], np.zeros(len(tokens), bool))

    def _text(self, tokens: np.ndarray) -> str:
        ends = np.flatnonzero(tokens == self.end) if self.end is not None else np.empty(0, int)
        written = tokens[: ends[0]] if len(ends) else tokens
        with tokenizing(Path(self.tokenizer), _FIELD):
            return str(
                self._read.decode([int(token) for token in written if token >= 0], skip_special_tokens=True)
            )


class Ctc(Postprocess):
    """The best symbol of each frame, repeats and blanks left out (Graves et al. 2006, best path decoding)."""

    vocabulary: Annotated[
        tuple[str, ...], Field(strict=False, min_length=2, description="Text of each class.")
    ]
    blank: Annotated[int, Field(ge=0, description="Class that stands for no symbol.")] = 0
    space: Annotated[str, Field(description="Text that stands between words.")] = "|"

    reads = ("logits",)
    gives = ("text",)

    @field_validator("blank")
    @classmethod
    def _of_the_vocabulary(cls, blank: int, info: ValidationInfo) -> int:
        size = len(info.data.get("vocabulary", ()))  # none where it is wrong itself
        if 0 < size <= blank:
            raise ValueError(f"{blank} is no class of a vocabulary of {size}; 0 to {size - 1} are")
        return blank

    def __call__(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """Logits (n, frames, classes) -> texts (n,)."""
        logits = outputs["logits"]
        if logits.ndim != 3 or logits.shape[2] != len(self.vocabulary):
            raise DataError(
                f"metric: ctc needs outputs of shape (n, frames, {len(self.vocabulary)}) for its vocabulary, "
                f"got {logits.shape}"
            )
        return _texts([self._text(row.argmax(axis=1)) for row in logits], np.isnan(logits).any(axis=(1, 2)))

    def _text(self, symbols: np.ndarray) -> str:
        changed = np.append(True, symbols[1:] != symbols[:-1])
        written = symbols[changed & (symbols != self.blank)]
        return "".join(self.vocabulary[symbol] for symbol in written).replace(self.space, " ").strip()


def _texts(found: list[str], lost: Any) -> Arrays:
    return {
        "text": np.array([BROKEN if gone else text for text, gone in zip(found, lost, strict=True)], object)
    }
