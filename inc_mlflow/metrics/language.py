"""Metrics of text that a model wrote or heard, against the text it should be."""

import json
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import DataError
from inc_mlflow.metrics.labels import TEXT
from inc_mlflow.metrics.metric import NamedMetric
from inc_mlflow.metrics.text import broken, texts

if TYPE_CHECKING:
    from rouge_score.rouge_scorer import RougeScorer
    from sacrebleu.metrics.bleu import BLEU

_ORDERS = 4
"""BLEU counts n-grams of up to four words."""


class _Text(NamedMetric):
    """A metric of texts (n,) against one reference per row, or several."""

    several: Annotated[
        bool, Field(description="A label is a JSON list of references, the best of which counts.")
    ] = False

    reads = ("text",)
    labels = TEXT

    def _pairs(self, outputs: Arrays, labels: np.ndarray | None) -> list[tuple[str, list[str]]]:
        written = texts(outputs["text"])
        return list(zip(written, [self._references(str(label)) for label in np.asarray(labels)], strict=True))

    def _references(self, label: str) -> list[str]:
        if not self.several:
            return [label]
        try:
            found = json.loads(label)
        except ValueError:
            found = None
        if not isinstance(found, list) or not found or not all(isinstance(one, str) for one in found):
            raise DataError(
                f"label {label[:40]!r}: is no JSON list of texts; metric.options.several asks for one"
            )
        return found


class Bleu(_Text):
    """Corpus BLEU of sacrebleu, 0 to 100 (Papineni et al. 2002; Post 2018)."""

    tokenize: Annotated[
        Literal["13a", "intl", "char", "none", "zh"], Field(description="Words, by sacrebleu's name.")
    ] = "13a"
    lowercase: Annotated[bool, Field(description="Upper case does not count.")] = False

    unit = "BLEU"
    decomposable = False
    score_range = (0.0, 100.0)

    def statistics(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """N-grams that match, n-grams, and lengths in words, of each row."""
        pairs = self._pairs(outputs, labels)
        scores = [self._bleu.sentence_score(written, references) for written, references in pairs]
        counts = np.array(
            [[*one.counts, *one.totals, one.sys_len, one.ref_len] for one in scores], np.float64
        )
        counts[broken([written for written, _ in pairs])] = np.nan
        return {"counts": counts}

    def row_weights(self, statistics: Arrays) -> np.ndarray:
        """Words of the references."""
        return np.nan_to_num(statistics["counts"][:, -1])

    def aggregate(self, statistics: Arrays) -> float:
        """NaN where a row has no answer."""
        counts = statistics["counts"].sum(axis=0)
        if np.isnan(counts).any():
            return float("nan")
        *grams, written, references = (int(count) for count in counts)
        smooth = self._bleu.smooth_method, self._bleu.smooth_value
        return float(
            self._bleu.compute_bleu(grams[:_ORDERS], grams[_ORDERS:], written, references, *smooth).score
        )

    @cached_property
    def _bleu(self) -> "BLEU":
        from sacrebleu.metrics.bleu import BLEU

        # Effective order leaves the counts of a sentence as they are and keeps it from warning of short ones.
        return BLEU(lowercase=self.lowercase, tokenize=self.tokenize, effective_order=True)


class _Rouge(_Text):
    """F of rouge-score, the port of ROUGE-1.5.5 (Lin 2004)."""

    stemmer: Annotated[bool, Field(description="Compare the stems of words (Porter).")] = False

    unit = "F1"
    decomposable = True
    kind: ClassVar[str]

    def statistics(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """The score of each row."""
        pairs = self._pairs(outputs, labels)
        scores = [
            self._scorer.score_multi(references, written)[self.kind].fmeasure for written, references in pairs
        ]
        return {
            "score": np.where(broken([written for written, _ in pairs]), 0.0, np.array(scores, np.float64))
        }

    def aggregate(self, statistics: Arrays) -> np.ndarray:
        """0 to 1 per row."""
        return statistics["score"]

    @cached_property
    def _scorer(self) -> "RougeScorer":
        from rouge_score.rouge_scorer import RougeScorer

        return RougeScorer([self.kind], use_stemmer=self.stemmer)


class Rouge1(_Rouge):
    """Words."""

    kind = "rouge1"


class Rouge2(_Rouge):
    """Pairs of words."""

    kind = "rouge2"


class RougeL(_Rouge):
    """Longest common subsequence."""

    kind = "rougeL"


class WordErrorRate(NamedMetric):
    """jiwer's ``wer``: the edits of all rows by the words of all references."""

    unit = "WER"
    score_range = (0.0, None)  # more words can be added than there are
    reads = ("text",)
    labels = TEXT
    decomposable = False
    higher_is_better = False

    def statistics(self, outputs: Arrays, labels: np.ndarray | None) -> Arrays:
        """Edits and words of each row."""
        written = texts(outputs["text"])
        rows = [_edits(str(label), text) for label, text in zip(np.asarray(labels), written, strict=True)]
        edits, words = np.array(rows, np.float64).reshape(-1, 2).T
        return {"edits": np.where(broken(written), np.nan, edits), "words": words}

    def row_weights(self, statistics: Arrays) -> np.ndarray:
        """Words of the references."""
        return np.asarray(statistics["words"], np.float64)

    def aggregate(self, statistics: Arrays) -> float:
        """NaN where a row has no answer, or no reference has a word."""
        words = statistics["words"].sum()
        return float(statistics["edits"].sum() / words) if words else float("nan")

    def missing(self, statistics: Arrays) -> str:
        """A word to find."""
        return "" if statistics["words"].any() else "word in a reference"


def _edits(reference: str, written: str) -> tuple[int, int]:
    """Edits and words of the reference; without one, every word written is an edit."""
    import jiwer

    if not reference.split():
        return len(written.split()), 0
    found = jiwer.process_words(reference, written)
    return found.substitutions + found.deletions + found.insertions, len(reference.split())
