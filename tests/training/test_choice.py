"""The best epoch on tuning, and the start unless one is better by more than chance."""

import numpy as np
import pytest

from inc_mlflow.engines.trainable import TuningOutcome
from inc_mlflow.training.choice import choose_epoch

ROWS = 100


def outcome(hits, distance=1.0, spread=0.0):
    scores = np.zeros(ROWS)
    scores[:hits] = 1
    return TuningOutcome(scores, np.full(ROWS, distance) + spread * np.arange(ROWS) % 3)


@pytest.mark.parametrize(
    ("outcomes", "epoch"),
    [
        ([outcome(80)], 0),
        ([outcome(80), outcome(79, 0.5)], 0),  # nearer, but a lower score
        ([outcome(80), outcome(81)], 0),  # one row more is chance
        ([outcome(80), outcome(83, 2.0)], 0),  # 1.7 standard errors, with outputs further off
        ([outcome(80), outcome(83, 0.5)], 1),
        ([outcome(80), outcome(85, 2.0)], 1),  # 2.3 of them
        ([outcome(80), outcome(90)], 1),
        ([outcome(80), outcome(80, 0.5)], 1),  # the same score, but nearer
        ([outcome(80), outcome(90), outcome(85)], 1),
        ([outcome(80), outcome(90, 2.0), outcome(90, 1.5)], 2),
        ([outcome(80), outcome(90, np.nan)], 0),
    ],
)
def test_an_epoch_is_chosen(outcomes, epoch):
    assert choose_epoch(outcomes) == epoch


def test_one_score_of_all_rows_must_be_larger():
    one, other = (TuningOutcome(np.array([value]), np.array([])) for value in (0.5, 0.6))
    assert choose_epoch([one, other]) == 1
    assert choose_epoch([other, one]) == 0
