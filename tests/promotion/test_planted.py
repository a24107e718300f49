"""What a pipeline planted beforehand, on a server that lets it: the gate believes none of it."""

import json
import shutil

import pytest
from pydantic import ValidationError

from inc_mlflow.errors import DataError
from inc_mlflow.promotion.history import read_history
from inc_mlflow.promotion.process_request import process_open_requests, process_untrusted_request
from inc_mlflow.promotion.review import Policy
from inc_mlflow.promotion.verify import verify
from inc_mlflow.records import Decision
from inc_mlflow.tracking.registry.aliases import check_alias
from inc_mlflow.tracking.registry.create_ledger import create_ledger
from tests.support import rivals

pytestmark = pytest.mark.slow

OWN = Policy()
ALIAS = "int8-champion"


@pytest.fixture
def good(store, measured, requested):
    """The logged model that is requested.

    The registered model is there already, so that it can be written to.
    """
    create_ledger(store.client, "digits")
    return json.loads((store.folder / "tracking" / "record.json").read_text())["models"][
        measured.judgement.best().sha256
    ]


def plant(store, source, **tags):
    marks = {f"inc.{name}": value for name, value in tags.items()}
    return str(
        store.client.create_model_version("digits", f"models:/{source}", tags=marks, model_id=source).version
    )


def check(store, decision, good):
    version = store.client.get_model_version_by_alias("digits", ALIAS)
    assert (decision.outcome, str(version.version), version.source) == (
        "promoted",
        decision.version,
        f"models:/{good}",
    )
    assert verify(store.stores, "digits", "int8").problems == ()


def evil(store, sha256, folder, file):
    """Log something else under the digest of a good model."""
    logged = store.client.create_logged_model(
        store.client.create_experiment("evil"), "evil", params={"inc.sha256": sha256}
    )
    shutil.copyfile(file, folder / "model.onnx")
    store.client.log_model_artifacts(logged.model_id, str(folder))
    store.client.finalize_logged_model(logged.model_id, "READY")
    return logged.model_id


def test_a_version_of_another_model_with_the_marks_of_the_good_one(
    store, measured, requested, good, tmp_path
):
    best = measured.judgement.best().sha256
    source = evil(store, best, tmp_path, measured / "baseline" / "model.onnx")
    plant(store, source, sha256=best, model_id=good)
    check(store, process_untrusted_request(store.stores, requested, OWN), good)


def test_a_version_of_another_model_that_was_logged_as_the_good_one(
    store, measured, requested, good, tmp_path
):
    best = measured.judgement.best().sha256
    source = evil(store, best, tmp_path, measured / "baseline" / "model.onnx")
    plant(store, source, sha256=best, model_id=source)
    check(store, process_untrusted_request(store.stores, requested, OWN), good)


def test_a_version_of_the_same_bytes_from_another_run_is_taken(store, measured, requested, good):
    again = measured.track(store.folder / "again", session="another").models[measured.judgement.best().sha256]
    version = plant(store, again, sha256=measured.judgement.best().sha256, model_id=again)
    decision = process_untrusted_request(store.stores, requested, OWN)
    check(store, decision, again)
    assert (again != good, decision.version) == (True, version)


def test_a_made_up_answer_is_not_repeated(store, requested):
    made_up = Decision(
        run_id=requested, outcome="promoted", reasons=("enforced",), policy="platform.yaml", version="7"
    )
    store.client.log_text(requested, made_up.model_dump_json(), "decision.json")
    store.client.set_tag(requested, "inc.request", "promoted")
    decision = process_untrusted_request(store.stores, requested, OWN)
    assert (decision.outcome, decision.version, decision.policy) == ("promoted", "1", OWN.name)
    assert store.champion() == "1"


def test_what_an_answer_says_it_moved_is_told_by_the_ledger(store, requested):
    decision = process_untrusted_request(store.stores, requested, OWN)
    better = decision.model_copy(update={"version": "7", "aliases": {ALIAS: "7"}, "protections": ()})
    store.client.log_text(requested, better.model_dump_json(), "decision.json")
    assert process_untrusted_request(store.stores, requested, OWN) == decision


def test_an_alias_that_mlflow_refuses_is_never_begun(store, measured, requested, tmp_path):
    """Its entry could not be followed, and nothing would move any more."""
    process_untrusted_request(store.stores, requested, OWN)
    rival = rivals.make(store.client, measured, tmp_path / "rival", 5)
    with pytest.raises(ValidationError, match="alias_prefix"):
        rivals.request(store.client, measured, rival, "digits", alias_prefix="x" * 250)
    ask = rivals.request(store.client, measured, rival, "digits", alias_prefix="x" * 100)
    assert process_untrusted_request(store.stores, ask, OWN).outcome == "promoted"
    with pytest.raises(DataError, match="MLflow takes up to 255 letters, digits, _ and -"):
        check_alias("int8-champion-c6i.large")


def test_a_name_of_any_length_stops_no_other_request(store, measured, requested, tmp_path):
    process_untrusted_request(store.stores, requested, OWN)
    rival = rivals.make(store.client, measured, tmp_path / "rival", 5, passes=False)
    rivals.request(store.client, measured, rival, "digits", recipe="x" * 7000)
    (decision,) = process_open_requests(store.stores, None, OWN)
    assert (decision.outcome, read_history(store.stores, "digits").entries[-1].recipe) == (
        "rejected",
        "x" * 400,
    )
