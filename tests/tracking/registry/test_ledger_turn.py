"""A gate that is slow, and is taken for dead: it undoes nothing of what the next one did."""

import pytest

from inc_mlflow.promotion.history import read_history
from inc_mlflow.promotion.verify import verify
from inc_mlflow.tracking.registry import ledger_turn
from inc_mlflow.tracking.registry.aliases import move_aliases

pytestmark = pytest.mark.slow


@pytest.fixture
def promote(store):
    experiment = store.client.create_experiment("models")

    def inner(letter):
        sha256 = letter * 64
        model = store.client.create_logged_model(experiment, letter, params={"inc.sha256": sha256})
        return store.promote(sha256, model.model_id)

    return inner


def test_an_alias_that_a_slow_call_put_back_is_put_where_the_last_entry_says(store, promote, monkeypatch):
    def late(*arguments):
        monkeypatch.setattr(ledger_turn, "move_aliases", move_aliases)
        with monkeypatch.context() as taken_for_dead:
            taken_for_dead.setattr(ledger_turn, "_process_ended", lambda _: True)
            assert promote("b") == "2"
        move_aliases(*arguments)
        assert store.champion() == "1"

    monkeypatch.setattr(ledger_turn, "move_aliases", late)
    assert promote("a") == "1"
    ledger = read_history(store.stores, "digits")
    assert (store.champion(), ledger.applied) == ("2", 2)
    assert not [problem for problem in verify(store.stores, "digits", "int8").problems if "alias" in problem]
