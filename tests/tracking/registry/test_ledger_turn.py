"""A gate that is slow, and is taken for dead: it undoes nothing of what the next one did."""

import pytest

from inc_mlflow.promotion.freeze import history
from inc_mlflow.promotion.verify import verify
from inc_mlflow.tracking.registry import claims
from inc_mlflow.tracking.registry import ledger_turn as hold
from inc_mlflow.tracking.registry.aliases import follow

pytestmark = pytest.mark.slow


@pytest.fixture
def crown(store):
    experiment = store.client.create_experiment("models")

    def inner(letter):
        sha256 = letter * 64
        model = store.client.create_logged_model(experiment, letter, params={"inc.sha256": sha256})
        return store.crown(sha256, model.model_id)

    return inner


def test_an_alias_that_a_slow_call_put_back_is_put_where_the_last_entry_says(store, crown, monkeypatch):
    def late(*arguments):
        monkeypatch.setattr(hold, "follow", follow)
        with monkeypatch.context() as taken_for_dead:
            taken_for_dead.setattr(claims, "_gone", lambda _: True)
            assert crown("b") == "2"
        follow(*arguments)
        assert store.champion() == "1"

    monkeypatch.setattr(hold, "follow", late)
    assert crown("a") == "1"
    ledger = history(store.stores, "digits")
    assert (store.champion(), ledger.settled) == ("2", 2)
    assert not [problem for problem in verify(store.stores, "digits", "int8").problems if "alias" in problem]
