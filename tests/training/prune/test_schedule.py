"""When weights become zero."""

import pytest

from inc_mlflow.training.prune.schedule import CubicSchedule


@pytest.mark.parametrize(
    ("steps", "begin", "end"), [(2, 0.1, 0.5), (30, 0.0, 0.99), (1000, 0.1, 0.5), (1, 0.1, 0.5)]
)
def test_the_whole_share_is_reached_before_training_ends(steps, begin, end):
    schedule = CubicSchedule.of(steps, begin, end)
    due = [step for step in range(steps) if schedule.is_due(step)]
    shares = [schedule.reached(step) for step in due]
    assert due[-1] == schedule.last <= max(0, steps - 2)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert len(due) <= 41


def test_most_weights_go_early():
    schedule = CubicSchedule(0, 99)
    assert schedule.reached(49) == pytest.approx(1 - 0.5**3)
    assert schedule.reached(0) < 0.03
