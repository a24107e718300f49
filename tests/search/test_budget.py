"""How much a search may spend."""

import math
from contextlib import nullcontext

import pytest

from inc_mlflow.search import budget as module
from inc_mlflow.search.budget import Budget, Cost, Spent


def test_a_budget_counts_what_earlier_runs_used_and_stops_before_it_is_exceeded():
    budget = Budget(Cost(10.0, math.inf), Cost(cpu_seconds=6.0))
    with budget.spending(Cost(3.0)):
        pass
    with pytest.raises(Spent), budget.spending(Cost(4.5)):
        pass
    budget.share = 0.5
    with pytest.raises(Spent), budget.spending(Cost()):
        pass


def test_a_person_s_budget_is_in_seconds_and_knows_no_other_limit():
    budget = Budget(Cost(math.inf, 5.0), Cost(500.0, 3.0))
    with budget.spending(Cost(50.0, 1.0)):
        pass
    with pytest.raises(Spent), budget.spending(Cost(0.0, 2.5)):
        pass
    budget.share = 0.7
    with pytest.raises(Spent), budget.spending(Cost(50.0, 1.0)):
        pass


class Clock:
    """Work that takes a second of wall time and three of CPU time, each time one looks."""

    def __init__(self):
        self.looks = 0

    def monotonic(self):
        return float(self.looks)

    def process_time(self):
        self.looks += 1
        return 3.0 * self.looks


def test_what_is_done_counts_and_also_what_fails(monkeypatch):
    monkeypatch.setattr(module, "time", Clock())
    budget = Budget(Cost(8.0, math.inf))
    with budget.spending(Cost()):
        pass
    assert budget.used == Cost(3.0, 1.0)
    with pytest.raises(ValueError, match="broken"), budget.spending(Cost()):
        raise ValueError("broken")
    assert budget.used == Cost(6.0, 2.0)
    with pytest.raises(Spent), budget.spending(Cost(3.0)):
        pass


@pytest.mark.parametrize(
    ("used", "more", "spent"), [(0.0, 39.0, False), (0.0, 41.0, True), (60.0, 7.0, False), (60.0, 11.0, True)]
)
def test_a_part_is_a_share_of_what_is_left(used, more, spent):
    budget = Budget(Cost(100, 1000), Cost(used, 0.0), share=0.8)
    with budget.part(0.5), pytest.raises(Spent) if spent else nullcontext(), budget.spending(Cost(more)):
        pass
    assert budget.share == 0.8


def test_a_part_of_nothing_left_is_nothing():
    budget = Budget(Cost(100, 1000), Cost(90.0, 0.0), share=0.8)
    with budget.part(0.5), pytest.raises(Spent), budget.spending(Cost(0.0)):
        pass


@pytest.mark.parametrize(
    ("limit", "seen"),
    [(Cost(80.0, math.inf), [(5.0, 80.0), (8.0, 80.0)]), (Cost(math.inf, 9.0), [(2.0, 9.0), (3.0, 9.0)])],
)
def test_what_is_used_so_far_holds_the_work_that_is_being_done(monkeypatch, limit, seen):
    monkeypatch.setattr(module, "time", Clock())
    budget = Budget(limit, Cost(2.0, 1.0))
    with budget.spending(Cost()):
        assert [budget.so_far(), budget.so_far()] == seen
    assert budget.so_far() == budget.so_far()
