"""What somebody with a hand in the store alters is found, and nothing is promoted on it.

`verify` says what it was.
"""

import json
import re
import sqlite3

import pytest

from inc_mlflow.errors import TrackingError
from inc_mlflow.promotion.adopt import adopt
from inc_mlflow.promotion.freeze import freeze, unfreeze
from inc_mlflow.promotion.history import read_history
from inc_mlflow.promotion.process_request import process_open_requests, process_untrusted_request
from inc_mlflow.promotion.review import Policy
from inc_mlflow.promotion.verify import verify
from inc_mlflow.records.ledger import digest
from inc_mlflow.tracking.registry.ledger import key_of

pytestmark = pytest.mark.slow

OWN = Policy()
ALIAS = "int8-champion"


@pytest.fixture
def promoted(store, requested, measured):
    """A store with a champion, and a request for a better one that waits."""
    store.promote("e" * 64)
    rival = measured.judgement.table[2].sha256
    store.promote(rival, store.client.get_logged_model(models(store)[rival]).model_id)
    return store


def models(store):
    return json.loads((store.folder / "tracking" / "record.json").read_text())["models"]


def refused(store, run_id, reason):
    """Nothing moves, the request stays open, and the reason is one line."""
    before = store.versions(), store.champion()
    (decision,) = process_open_requests(store.stores, None, OWN)
    assert (decision.run_id, decision.outcome) == (run_id, "open"), decision
    assert reason in decision.reasons[0]
    assert "\n" not in decision.reasons[0]
    assert (store.versions(), store.champion()) == before


def test_untouched_all_is_well_and_the_request_is_promoted(promoted, requested):
    assert (
        verify(promoted.stores, "digits", "int8").problems[-1].startswith("version 1: ")
    )  # it never had a file
    decision = process_untrusted_request(promoted.stores, requested, OWN)
    assert (decision.outcome, promoted.champion()) == ("promoted", "3"), decision.reasons


def test_an_alias_moved_by_hand_is_found(promoted, requested):
    promoted.client.set_registered_model_alias("digits", ALIAS, "1")
    moved = "alias 'int8-champion' names version 1, by the ledger version 2: somebody moved it"
    refused(promoted, requested, moved)
    assert any(problem.startswith(moved) for problem in verify(promoted.stores, "digits", "int8").problems)
    promoted.client.set_registered_model_alias("digits", ALIAS, "2")
    assert process_untrusted_request(promoted.stores, requested, OWN).outcome == "promoted"


def test_an_alias_taken_away_by_hand_is_found(promoted, requested):
    promoted.client.delete_registered_model_alias("digits", ALIAS)
    refused(promoted, requested, "names nothing, by the ledger version 2")


def test_an_alias_moved_by_hand_can_be_recorded(promoted, requested):
    promoted.client.set_registered_model_alias("digits", ALIAS, "1")
    with pytest.raises(TrackingError, match=r"has no model\.onnx"):
        adopt(promoted.stores, "digits", "int8")
    promoted.client.delete_registered_model_alias("digits", ALIAS)
    (entry,) = adopt(promoted.stores, "digits", "int8")
    assert (entry.kind, entry.version, entry.before) == ("adopted", None, "2")
    assert process_untrusted_request(promoted.stores, requested, OWN).outcome == "promoted"


def test_a_digest_tag_that_was_edited_is_found(promoted, requested):
    promoted.client.set_model_version_tag("digits", "2", "inc.sha256", "0" * 64)
    refused(promoted, requested, "version 2 is marked as sha256 000000000000")
    promoted.client.delete_model_version("digits", "2")
    refused(promoted, requested, "names nothing, by the ledger version 2")


def test_a_champions_file_that_was_replaced_is_found(promoted, measured):
    champion = measured.judgement.table[2].sha256
    uri = promoted.client.get_logged_model(models(promoted)[champion]).artifact_location
    (promoted.local(uri) / "model.onnx").write_bytes(b"another")
    assert any(
        "its file has sha256" in problem for problem in verify(promoted.stores, "digits", "int8").problems
    )


class Chain:
    """The ledger's rows in the database itself: through the server they cannot be changed."""

    def __init__(self, store) -> None:
        self.store = store
        self.run_id = store.client.get_registered_model("digits").tags["inc.ledger"]

    def __call__(self, statement, number):
        with sqlite3.connect(self.store.folder / "mlflow.db") as database:
            done = database.execute(
                f"{statement} WHERE run_uuid = ? AND key = ?", (self.run_id, key_of(number))
            )
            assert done.rowcount == 1
        database.close()


@pytest.mark.parametrize(
    ("statement", "number", "reason"),
    [
        ("DELETE FROM params", 1, "entry 1 of its ledger does not follow the one before"),
        (
            "UPDATE params SET value = replace(value, 'promoted', 'adopted')",
            1,
            "entry 2 of its ledger does not follow",
        ),
        ("UPDATE params SET value = replace(value, 'promoted', 'adopted')", 2, "has no entry 2 of digest"),
        ("UPDATE params SET value = '{}'", 2, "is no entry; it was altered"),
        ("DELETE FROM params", 2, "has no entry 2 of digest"),
    ],
)
def test_an_entry_that_was_removed_edited_or_cut_off_is_found(promoted, requested, statement, number, reason):
    Chain(promoted)(statement, number)
    refused(promoted, requested, reason)
    (problem,) = verify(promoted.stores, "digits", "int8").problems
    assert reason in problem


def test_a_ledger_cut_off_together_with_what_points_at_it_is_found_by_its_head(promoted):
    head = verify(promoted.stores, "digits", "int8").head
    first = read_history(promoted.stores, "digits").entries[0]
    Chain(promoted)("DELETE FROM params", 2)
    promoted.client.set_registered_model_tag("digits", "inc.head", f"1 {digest(first)}")
    promoted.client.set_registered_model_alias("digits", ALIAS, "1")
    plain = verify(promoted.stores, "digits", "int8").problems
    assert not any("ledger" in problem for problem in plain)
    assert "was cut off or written anew" in verify(promoted.stores, "digits", "int8", head).problems[0]


def test_a_ledger_that_was_deleted_is_found(promoted, requested):
    promoted.client.delete_run(Chain(promoted).run_id)
    refused(promoted, requested, "was deleted; restore it")


def test_no_param_of_the_ledger_can_be_written_twice(promoted):
    from mlflow.exceptions import MlflowException

    with pytest.raises(MlflowException, match="Changing param values is not allowed"):
        promoted.client.log_param(Chain(promoted).run_id, key_of(1), "another")


def test_frozen_nothing_is_promoted_and_requests_wait(store, requested):
    store.promote("e" * 64)
    freeze(store.stores, "digits", "release week")
    before = read_history(store.stores, "digits").params
    (decision,) = process_open_requests(store.stores, None, OWN)
    assert decision.outcome == "open"
    assert read_history(store.stores, "digits").params == before, (
        "a request that waits is looked at again and again"
    )
    assert re.search(
        r"frozen by .* since .* \(release week\); `inc-mlflow unfreeze digits` ends that", decision.reasons[0]
    )
    assert store.champion() == "1"
    unfreeze(store.stores, "digits", "released")
    with pytest.raises(TrackingError, match="is not frozen"):
        unfreeze(store.stores, "digits", "again")


def test_what_is_not_there_is_one_line(store):
    with pytest.raises(TrackingError, match="'digits': is not on the server"):
        read_history(store.stores, "digits")
    with pytest.raises(TrackingError, match="is not on the server; there is nothing to adopt"):
        adopt(store.stores, "digits", "int8")
