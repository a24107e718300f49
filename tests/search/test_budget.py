"""How much a search may spend."""

import math

import pytest

from inc_mlflow.search import budget as module
from inc_mlflow.search.budget import Budget, Cost, Spent
from tests.support.ticking_clock import TickingClock


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


def test_what_is_done_counts_and_also_what_fails(monkeypatch):
    monkeypatch.setattr(module, "time", TickingClock(cpu=3.0))
    budget = Budget(Cost(8.0, math.inf))
    with budget.spending(Cost()):
        pass
    assert budget.used == Cost(3.0, 1.0)
    with pytest.raises(ValueError, match="broken"), budget.spending(Cost()):
        raise ValueError("broken")
    assert budget.used == Cost(6.0, 2.0)
    with pytest.raises(Spent), budget.spending(Cost(3.0)):
        pass


def test_a_part_is_a_share_of_the_limits():
    assert Budget(Cost(100.0, math.inf)).part(0.25) == Cost(25.0, math.inf)
    assert Budget(Cost(math.inf, 8.0)).part(0.25) == Cost(math.inf, 2.0)


def test_work_inside_other_work_counts_once(monkeypatch):
    monkeypatch.setattr(module, "time", TickingClock(cpu=3.0))
    budget = Budget(Cost(100.0, math.inf))
    with budget.spending(Cost()) as outer:
        with budget.spending(Cost()) as inner:
            pass
        assert inner == Cost(3.0, 1.0)
        assert budget.used == inner
    assert budget.used == outer + inner
    assert budget.used == Cost(12.0, 4.0)


def test_work_that_has_begun_is_heeded_by_what_it_asks_for(monkeypatch):
    monkeypatch.setattr(module, "time", TickingClock(cpu=3.0))
    budget = Budget(Cost(5.0, math.inf))
    with budget.spending(Cost()), pytest.raises(Spent), budget.spending(Cost(3.0)):
        pass


@pytest.mark.parametrize(
    ("limit", "seen"),
    [(Cost(80.0, math.inf), [(5.0, 80.0), (8.0, 80.0)]), (Cost(math.inf, 9.0), [(2.0, 9.0), (3.0, 9.0)])],
)
def test_what_is_used_so_far_holds_the_work_that_is_being_done(monkeypatch, limit, seen):
    monkeypatch.setattr(module, "time", TickingClock(cpu=3.0))
    budget = Budget(limit, Cost(2.0, 1.0))
    with budget.spending(Cost()):
        assert [budget.so_far(), budget.so_far()] == seen
    assert budget.so_far() == budget.so_far()
