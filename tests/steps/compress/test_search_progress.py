"""What a search says of itself: the trial, the best one so far, and the time that is left."""

import shutil

import pytest

from inc_mlflow import progress
from inc_mlflow.spec import Job
from inc_mlflow.steps.standalone.search import search_job
from tests.support.paths import EXAMPLE


@pytest.fixture
def told(monkeypatch):
    """What is shown while a test works, each change of it."""
    seen = []

    class Display:
        def update(self, told):
            seen.append(told)

        def close(self):
            pass

    monkeypatch.setattr(progress, "_shown", Display)
    monkeypatch.setattr(progress, "_INTERVAL", 0.0)
    return seen


def test_a_search_tells_its_trials_the_best_one_and_the_time_left(told, tmp_path):
    for file in [*EXAMPLE.glob("*.npz"), EXAMPLE / "fp32.onnx", EXAMPLE / "auto.yaml"]:
        shutil.copyfile(file, tmp_path / file.name)
    found = search_job(Job.load(tmp_path / "auto.yaml"), 3.0, tmp_path / "out")
    of_search = [one for one in told if one.label == "search"]
    assert {one.total for one in of_search} == {3}
    assert [one.done for one in of_search] == sorted(one.done for one in of_search)
    assert "trial 1, at most " in of_search[0].detail
    for number, trial in enumerate(found["trials"], 1):
        assert any(one.detail.startswith(f", trial {number}, ") for one in of_search), trial["label"]
    if any(trial["rejected"] is None for trial in found["trials"][:-1]):
        assert any(f"x {method}" in of_search[-1].detail for method in ("static", "dynamic", "mixed"))
