"""Progress that a parent process reads from a file, or that a terminal shows."""

import pytest

from inc_mlflow import progress


@pytest.fixture
def told(tmp_path, monkeypatch):
    """Give a function that returns what a step has told last; it tells without waiting."""
    monkeypatch.setattr(progress, "_PATIENCE", 0.0)
    monkeypatch.setattr(progress, "_INTERVAL", 0.0)
    monkeypatch.setenv(progress.VARIABLE, str(tmp_path / "progress.json"))
    return lambda: progress.read_progress(tmp_path / "progress.json")


def test_work_on_items_tells_how_many_are_done_and_leaves_no_file(told):
    seen = [told() for _ in progress.track(range(3), "rows", 3)]
    assert seen == [("rows", done, 3, "") for done in range(3)]
    assert told() is None


def test_work_made_of_smaller_work_is_told_in_place_of_it(told):
    trial = 0
    with progress.overall(lambda: progress.Told("search", trial, 2, f", trial {trial}")) as show:
        show()
        assert told() == ("search", 0, 2, ", trial 0")
        for trial in (1, 2):
            assert [told() for _ in progress.track(range(2), "rows", 2)] == [
                ("search", trial, 2, f", trial {trial}")
            ] * 2
    assert told() is None
    assert [told() for _ in progress.track([0], "rows", 1)] == [("rows", 0, 1, "")]


def test_work_that_fails_is_told_no_longer(told):
    with (
        pytest.raises(ValueError, match="broken"),
        progress.overall(lambda: progress.Told("search", 0, 2)) as show,
    ):
        show()
        raise ValueError("broken")
    assert told() is None
    assert [told() for _ in progress.track([0], "rows", 1)] == [("rows", 0, 1, "")]
