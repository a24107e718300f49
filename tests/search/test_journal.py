"""A search's trials on disk: what a kill, damage or another search does to them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inc_mlflow.errors import StateError
from inc_mlflow.search.journal import Journal
from tests.support.toy_search import ToyRecipe, trial


def test_a_journal_gives_back_its_trials(tmp_path):
    journal = Journal(tmp_path / "trials.jsonl", "key")
    journal.add(trial(ToyRecipe()))
    journal.add(trial(ToyRecipe(method="fine"), rejected="slow"))
    again = Journal(tmp_path / "trials.jsonl", "key")
    assert again.trials == journal.trials
    assert again.find(journal.trials[1].recipe).rejected == "slow"
    assert again.find(ToyRecipe(number=1).model_dump(mode="json")) is None


@given(st.data())
def test_a_journal_cut_off_anywhere_loses_at_most_its_last_trial(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("cut") / "trials.jsonl"
    journal = Journal(path, "key")
    ends = [path.stat().st_size]
    for number in range(3):
        journal.add(trial(ToyRecipe(fp32=(f"é{number}",))))
        ends.append(path.stat().st_size)
    length = data.draw(st.integers(0, ends[-1]))
    path.write_bytes(path.read_bytes()[:length])
    again = Journal(path, "key")
    assert len(again.trials) == sum(end <= length for end in ends[1:])
    again.add(trial(ToyRecipe(method="fine")))
    assert Journal(path, "key").trials == again.trials


def test_a_journal_of_another_search_is_refused(tmp_path):
    path = tmp_path / "trials.jsonl"
    Journal(path, "one")
    with pytest.raises(StateError, match=r"is of another search .*give another directory"):
        Journal(path, "two")
    path.write_text("{}\n")
    with pytest.raises(StateError, match="not a journal of a search"):
        Journal(path, "one")


@given(st.data())
def test_a_journal_with_a_damaged_byte_keeps_the_trials_before_it_or_is_refused_in_one_line(
    tmp_path_factory, data
):
    path = tmp_path_factory.mktemp("damaged") / "trials.jsonl"
    journal = Journal(path, "key")
    for number in range(3):
        journal.add(trial(ToyRecipe(fp32=(f"{number}",))))
    content = path.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
    header = content.index(b"\n")
    if place <= header:
        with pytest.raises(StateError, match="not a journal of a search, or damaged; give another directory"):
            Journal(path, "key")
        return
    again = Journal(path, "key")
    assert again.trials == journal.trials[: content[:place].count(b"\n") - 1]
    again.add(trial(ToyRecipe(method="fine")))
    assert Journal(path, "key").trials == again.trials
