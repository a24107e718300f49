"""How far a job is, without a terminal: lines that say what they count."""

import json
import time

import pytest

from inc_mlflow.pipelines import step_progress
from inc_mlflow.pipelines.step_progress import StepProgress


@pytest.fixture
def lines(tmp_path, monkeypatch, capsys):
    """Give a function that shows a state for half a second, and returns the different lines."""
    monkeypatch.setattr(step_progress, "_INTERVAL", 0.01)
    monkeypatch.setattr(step_progress, "_FIRST_LINE", 0.1)
    monkeypatch.setattr(step_progress, "_NEXT_LINE", 0.1)

    def shown(*states):
        with StepProgress(tmp_path, 9, print):
            for state in states:
                for name, text in state.items():
                    (tmp_path / name).parent.mkdir(exist_ok=True)
                    (tmp_path / name).write_text(text)
                time.sleep(0.4)
        return list(dict.fromkeys(capsys.readouterr().err.splitlines()))

    return shown


def test_a_step_and_its_own_work_of_the_same_name_are_told_apart(lines):
    step = {"baseline/record.json": "{}", "benchmark.pid": "1"}
    work = {"progress.json": json.dumps({"label": "benchmark", "done": 12, "total": 40})}
    assert lines(step, work) == ["benchmark: 1 of 9 steps done", "benchmark: 12 of 40 done"]


def test_work_of_unknown_length_tells_what_is_done(lines):
    work = {"progress.json": json.dumps({"label": "check\nvalidation", "done": 12, "total": None})}
    assert lines(work) == ["check\\nvalidation: 12 done"]


def test_what_changes_while_work_goes_on_is_no_new_work(lines, monkeypatch):
    monkeypatch.setattr(step_progress, "_FIRST_LINE", 0.6)
    told = {"label": "search", "total": 42}
    trials = [
        {"progress.json": json.dumps(told | {"done": n, "detail": f", trial {n}; seconds"})} for n in (1, 2)
    ]
    assert lines(*trials) == ["search, trial 2; seconds: 2 of 42 done"]


def test_quick_work_prints_nothing(lines, monkeypatch):
    monkeypatch.setattr(step_progress, "_FIRST_LINE", 10.0)
    assert lines({"benchmark.pid": "1"}) == []
