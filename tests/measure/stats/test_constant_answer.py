"""One answer for all rows: which it is, what it scores, and that a metric may refuse it."""

import numpy as np
import pytest

from inc_mlflow.errors import DataError
from inc_mlflow.measure.stats.constant_answer import constant_answer, first_answers, plain_outcomes
from inc_mlflow.measure.stats.outcomes import OPTIONAL, SCORE, Scoring, evaluate_rows

LABELS = np.r_[np.full(3, 1), np.full(7, 2), np.full(10, 0)]
BY_ROW = Scoring(
    keep=lambda outputs, labels: {"right": outputs["y"].argmax(axis=1) == labels},
    score=lambda kept, _: kept["right"].astype(float),
    decomposable=True,
)
WHOLE = Scoring(BY_ROW.keep, lambda kept, _: float(kept["right"].mean()), decomposable=False)


def rows(size=1):
    for start in range(0, len(LABELS), size):
        yield {"x": LABELS[start : start + size, None]}, LABELS[start : start + size]


def perfect(inputs):
    return {"y": np.eye(3)[inputs["x"][:, 0]], "version": np.array(7)}


@pytest.mark.parametrize("scoring", [BY_ROW, WHOLE])
def test_the_best_answer_of_some_rows_is_that_for_all(scoring):
    answer = constant_answer(first_answers(perfect, rows()), scoring, higher_is_better=True)
    given = answer({"x": np.zeros((4, 1))})
    assert given["y"].tolist() == [[1, 0, 0]] * 4
    assert given["version"] == 7  # an output without rows stays as it is
    worst = constant_answer(first_answers(perfect, rows()), scoring, higher_is_better=False)
    assert worst({"x": np.zeros((1, 1))})["y"].tolist() == [[0, 1, 0]]


@pytest.mark.parametrize(("scoring", "replicates"), [(BY_ROW, 20), (WHOLE, 1)])
def test_it_is_scored_beside_the_models_without_resamples(scoring, replicates):
    answer = constant_answer(first_answers(perfect, rows()), scoring, higher_is_better=True)
    kept = evaluate_rows({"baseline": perfect}, "baseline", rows(6), scoring, 2, answer)
    found = plain_outcomes(kept[OPTIONAL], kept["baseline"], scoring)
    assert (found.value, found.replicates.shape) == (0.5, (replicates,))
    assert set(kept) == {"baseline", OPTIONAL}


def refusing(stage):
    """A metric that takes an answer only for the rows of its own class, as one of texts of equal length."""

    def check(kept, labels):
        if not kept["right"].all():
            raise DataError("metric: another length")
        return kept

    def keep(outputs, labels):
        kept = BY_ROW.keep(outputs, labels)
        return check(kept, labels) if stage == "keep" else kept

    return Scoring(
        keep, lambda kept, _: BY_ROW.score(check(kept, None) if stage == "score" else kept, _), True
    )


@pytest.mark.parametrize("stage", ["keep", "score"])
def test_a_metric_that_refuses_it_measures_the_models_all_the_same(stage):
    scoring = refusing(stage)
    answer = constant_answer(first_answers(perfect, rows()), scoring, higher_is_better=True)
    kept = evaluate_rows({"baseline": perfect}, "baseline", rows(), scoring, 1, answer)
    assert set(kept) == {"baseline"}
    assert kept["baseline"][SCORE].mean() == 1
    assert plain_outcomes(kept.get(OPTIONAL), kept["baseline"], scoring) is None


def test_no_number_is_no_score():
    kept = {SCORE: np.array([1.0, np.nan])}
    assert plain_outcomes(kept, kept, BY_ROW) is None
    nan = Scoring(BY_ROW.keep, lambda *_: float("nan"), decomposable=False)
    assert plain_outcomes({"right": np.ones(3)}, {"right": np.ones(3)}, nan) is None
