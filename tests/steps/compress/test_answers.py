"""Answers on the disk: each question is worked on once, and their cost ends at the same question again."""

import math

import pytest

from inc_mlflow.search import budget as module
from inc_mlflow.search.budget import Budget, Cost, Spent
from inc_mlflow.steps.compress.answers import Answers, answers_cost
from tests.support.ticking_clock import TickingClock


@pytest.fixture
def budget(monkeypatch):
    monkeypatch.setattr(module, "time", TickingClock())
    return Budget(Cost(1000.0, math.inf))


def asked(answers, most, count=9):
    """Ask questions until no time is left; return how many were answered."""
    with answers.at_most(Cost(most, math.inf)):
        for number in range(count):
            try:
                assert answers(f"probe {number}", lambda number=number: [number]) == [number]
            except Spent:
                return number
    return count


def test_the_same_questions_are_answered_however_often_one_was_interrupted(budget, tmp_path):
    whole = asked(Answers(tmp_path / "whole", budget), 4.5)
    assert 0 < whole < 9
    for interrupted in range(whole):
        folder = tmp_path / str(interrupted)
        asked(Answers(folder, budget), 4.5, interrupted)
        assert asked(Answers(folder, budget), 4.5) == whole


def test_known_answers_are_given_however_little_time_is_left(budget, tmp_path):
    answers = Answers(tmp_path, budget)
    assert asked(answers, math.inf) == 9
    assert asked(answers, 0.0) == 9


def test_an_answer_may_ask_and_all_is_counted_once(budget, tmp_path):
    answers = Answers(tmp_path, budget)
    assert answers("plan it", lambda: answers("probe it", lambda: 1) + 1) == 2
    assert answers_cost(tmp_path) == budget.used


def test_what_ends_without_an_answer_is_asked_again(budget, tmp_path):
    answers = Answers(tmp_path, budget)
    with pytest.raises(Spent), answers.at_most(Cost(0.0, math.inf)):
        answers("plan it", lambda: [answers(f"probe {number}", lambda: 1) for number in range(3)])
    assert answers("plan it", lambda: 5) == 5
