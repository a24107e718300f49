"""A model that ignores its input: what it scores shows whether a metric can tell good models from bad ones.

It gives one answer for all rows, the baseline's own for one of them. Where it scores as the baseline does, no
score of a candidate means anything.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from inc_mlflow.arrays import Arrays
from inc_mlflow.errors import IncError
from inc_mlflow.measure.stats.outcomes import SCORE, Outcomes, RunModel, Scoring, join_batches

TRIED = 16
"""Rows whose answers are tried as the one for all rows."""
HELD_BYTES = 1 << 26
"""Largest size of the answers in memory: those of a segmentation are millions of numbers each."""


class ConstantAnswer:
    """Gives ``outputs`` of one row, with or without an axis of rows, for every row of a batch."""

    def __init__(self, outputs: Arrays) -> None:
        self._outputs = outputs

    def __call__(self, inputs: Arrays) -> Arrays:
        """Return the answer as often as the batch has rows."""
        rows = len(next(iter(inputs.values())))
        return {name: _repeated(array, rows) for name, array in self._outputs.items()}


def _repeated(array: np.ndarray, rows: int) -> np.ndarray:
    return np.repeat(array, rows, axis=0) if array.shape[:1] == (1,) else array


def constant_answer(
    given: tuple[list[Arrays], list[np.ndarray | None]], scoring: Scoring, higher_is_better: bool
) -> ConstantAnswer | None:
    """Return that of ``first_answers`` which scores best as the answer to all of their rows.

    Of answers that the metric takes for no other row, the first is returned; None without rows.
    """
    answers, labels = given
    reference = [scoring.keep(*pair) for pair in zip(answers, labels, strict=True)]
    best = None
    most = -math.inf
    for answer in answers:
        found = _score(answer, labels, reference, scoring)
        score = -math.inf if found is None else found if higher_is_better else -found
        if best is None or score > most:
            best, most = answer, score
    return None if best is None else ConstantAnswer(best)


def first_answers(
    baseline: RunModel, rows: Iterable[tuple[Arrays, np.ndarray | None]]
) -> tuple[list[Arrays], list[np.ndarray | None]]:
    """Return the baseline's outputs and the labels of batches of one row, as many as memory should hold.

    One run is for all metrics.
    """
    answers, labels, held = list[Arrays](), list[np.ndarray | None](), 0
    for inputs, label in rows:
        answers.append(baseline(inputs))
        labels.append(label)
        held += sum(array.nbytes for array in answers[-1].values())
        if held > HELD_BYTES:
            break
    return answers, labels


def _score(
    answer: Arrays, labels: Sequence[np.ndarray | None], reference: Sequence[Arrays], scoring: Scoring
) -> float | None:
    """Return what an answer scores on all rows; None where the metric does not take it, or has no value."""
    try:
        kept = [scoring.keep(answer, label) for label in labels]
        if scoring.decomposable:
            scores = [np.asarray(scoring.score(*pair)) for pair in zip(kept, reference, strict=True)]
            return _finite(float(np.concatenate(scores).mean()))
        found = plain_outcomes(join_batches(kept), join_batches(reference), scoring)
    except IncError:
        return None
    return None if found is None else found.value


def plain_outcomes(kept: Arrays | None, reference: Arrays, scoring: Scoring) -> Outcomes | None:
    """Return outcomes without resamples, from what ``evaluate_rows`` returned of a model and of the baseline.

    The replicates of a metric that does not decompose are its value alone. None where the metric has no value
    on these rows, or refuses the model's answers, as ``kept`` is None then.
    """
    if kept is None:
        return None
    if scoring.decomposable:
        scores = np.asarray(kept[SCORE], np.float64)
        return Outcomes(float(scores.mean()), scores) if np.isfinite(scores).all() else None
    try:
        value = _finite(float(scoring.score(scoring.group(kept), scoring.group(reference))))
    except IncError:
        return None
    return None if value is None else Outcomes(value, np.array([value]))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
