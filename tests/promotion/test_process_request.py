"""The gate judges by the evidence itself: what was altered, is stale or fails is never promoted."""

import contextlib
import gc
import itertools
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from sqlalchemy import event
from sqlalchemy.engine import Engine

from inc_mlflow.errors import TrackingError
from inc_mlflow.promotion import process_request as deciding
from inc_mlflow.promotion.process_request import process_open_requests, process_untrusted_request
from inc_mlflow.promotion.review import Policy
from inc_mlflow.records import RequestRecord
from inc_mlflow.tracking.registry.champions import find_champion
from tests.support.open_requests import OWN, ask

pytestmark = pytest.mark.slow


def policy(folder: Path, **limits) -> Policy:
    file = folder / "policy.yaml"
    file.write_text(yaml.safe_dump({"version": 1, **limits}))
    return Policy.load(file)


def spoil(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def test_what_passes_again_is_promoted_and_the_request_closed(store, requested, measured):
    best = measured.judgement.best()
    decision = process_untrusted_request(store.stores, requested, OWN)
    assert (decision.outcome, decision.version, decision.recipe) == ("promoted", "1", best.recipe)
    assert decision.reasons == best.reasons
    assert decision.policy == "the job's own gate"
    assert find_champion(store.client, "digits", "int8-champion").sha256 == best.sha256
    tags = store.tags(requested)
    assert tags["inc.request"] == "promoted"
    assert tags["inc.judged"].endswith(" by the job's own gate")
    assert tags["mlflow.note.content"].startswith("promoted by the gate\n\ntop1 drops by")
    version = store.client.get_model_version("digits", "1").tags
    assert (version["inc.run_id"], version["inc.policy_sha256"]) == (
        requested,
        measured.judgement.policy_sha256,
    )
    assert version["inc.engine"] == "onnxruntime", "what serves it has to know"


def test_a_closed_request_keeps_its_answer(store, requested, tmp_path):
    first = process_untrusted_request(store.stores, requested, OWN)
    assert process_untrusted_request(store.stores, requested, policy(tmp_path, min_speedup=100.0)) == first
    assert store.versions() == ["1"]


@pytest.mark.parametrize(
    ("limits", "outcome", "reason"),
    [
        ({"min_speedup": 100.0}, "rejected", "needed is 100.00x"),
        ({"max_relative_drop": 0.002}, "inconclusive", "would decide"),
        (
            {"pools": {"arm": {"role": "required"}}},
            "rejected",
            "requires pool 'arm'; the evidence is of local",
        ),
        ({"pools": {"local": {"role": "informative"}}}, "rejected", "no pool is required"),
    ],
)
def test_the_gates_own_policy_decides(store, requested, tmp_path, limits, outcome, reason):
    decision = process_untrusted_request(store.stores, requested, policy(tmp_path, **limits))
    assert decision.outcome == store.tags(requested)["inc.request"] == outcome
    assert reason in " ".join(decision.reasons)
    assert decision.policy == str(tmp_path / "policy.yaml")
    assert store.versions() == []


@pytest.mark.parametrize(
    "path",
    [
        "evidence/evaluation-local/outcomes.npz",
        "evidence/evaluation-local/record.json",
        "evidence/benchmark-local/latencies.npz",
        "evidence/benchmark-local/record.json",
        "evidence/judgement/record.json",
        "evidence/job.json",
    ],
)
@pytest.mark.parametrize("change", ["altered", "removed"])
def test_evidence_that_changed_since_the_request_is_refused(store, requested, path, change):
    file = store.file(requested, path)
    spoil(file) if change == "altered" else file.unlink()
    refused(store, requested, f"{path} is not as it was when promotion was requested; it was altered")


def refused(store, run_id, reason):
    decision = process_untrusted_request(store.stores, run_id, OWN)
    assert (decision.outcome, store.tags(run_id)["inc.request"]) == ("rejected", "rejected")
    assert reason in decision.reasons[0]
    assert (store.versions(), process_untrusted_request(store.stores, run_id, OWN)) == ([], decision)


def test_evidence_that_came_later_is_refused(store, requested):
    folder = store.file(requested, "evidence")
    shutil.copytree(folder / "evaluation-local", folder / "evaluation-arm")
    refused(store, requested, "evidence/evaluation-arm/outcomes.npz is not as it was")


def test_evidence_that_is_gone_is_refused(store, requested):
    shutil.rmtree(store.file(requested, "evidence"))
    refused(store, requested, "has no artifact 'evidence'")


@pytest.mark.parametrize("field", ["sha256", "recipe", "registered_model", "measured_against"])
def test_a_request_that_was_altered_is_refused(store, requested, field):
    file = store.file(requested, "request.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {field: "another"}))
    refused(store, requested, "request.json is not the one that was made; it was altered")


def test_what_is_no_request_is_refused(store, requested):
    store.file(requested, "request.json").write_text("{}")
    refused(store, requested, "request.json is no request")


def test_a_model_that_was_altered_is_refused(store, requested):
    request = RequestRecord.load(store.folder / "request")
    uri = store.client.get_logged_model(request.models[request.sha256]).artifact_location
    spoil(store.local(uri) / "model.onnx")
    refused(store, requested, "it was altered")


def test_a_candidate_that_did_not_pass_is_refused_whatever_the_request_says(store, measured):
    worse = measured.judgement.table[2]
    run_id = ask(store, measured, sha256=worse.sha256)
    decision = process_untrusted_request(store.stores, run_id, OWN)
    assert (decision.outcome, decision.reasons) == ("rejected", worse.reasons)


def test_only_the_best_by_the_gates_policy_is_promoted(store, measured, tmp_path):
    best, worse = measured.judgement.table[1:]
    run_id = ask(store, measured, sha256=worse.sha256)
    lenient = policy(tmp_path, min_speedup=0.1)
    decision = process_untrusted_request(store.stores, run_id, lenient)
    assert (decision.outcome, store.versions()) == ("rejected", [])
    assert decision.reasons[0].startswith(f"by {lenient.name} {best.recipe} is better than {worse.recipe}")


def model(measured, store, sha256) -> str:
    return measured.track(store.folder).models[sha256]


def test_numbers_of_one_model_do_not_promote_another(store, measured):
    best, worse = measured.judgement.table[1:]
    run_id = ask(store, measured, models={best.sha256: model(measured, store, worse.sha256)})
    refused(store, run_id, "was logged as sha256")


def test_a_candidate_without_numbers_is_refused(store, measured):
    run_id = ask(store, measured, sha256="0" * 64)
    refused(store, run_id, "the evidence is not about the candidate")


def test_killed_between_promotion_and_closing_it_ends_without_a_second_version(store, requested, monkeypatch):
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(deciding, "close_request", killed)
        process_untrusted_request(store.stores, requested, OWN)
    assert (store.champion(), store.tags(requested)["inc.request"]) == ("1", "open")
    assert process_untrusted_request(store.stores, requested, OWN).version == "1"
    assert (store.versions(), store.tags(requested)["inc.request"]) == (["1"], "promoted")


def killed(*_):
    raise KeyboardInterrupt


@contextlib.contextmanager
def dying(at: int) -> Iterator[None]:
    """Die after the n-th statement that writes, before its transaction is committed."""
    written = 0

    def count(connection, cursor, statement, *_):
        nonlocal written
        written += statement.split()[0].upper() in {"INSERT", "UPDATE", "DELETE"}
        if written == at:
            raise KeyboardInterrupt

    event.listen(Engine, "after_cursor_execute", count)
    try:
        yield
    finally:
        event.remove(Engine, "after_cursor_execute", count)


@pytest.mark.long
def test_killed_at_any_write_it_ends_with_one_version_when_called_again(new_store, measured):
    survived = None
    for fatal in itertools.count(1):
        store = new_store()
        measured.track(store.folder)
        run_id = measured.request(store.folder)
        with contextlib.suppress(KeyboardInterrupt), dying(at=fatal):
            survived = process_untrusted_request(store.stores, run_id, OWN)
        gc.collect()  # a real kill leaves no session with a lock; here the exception's frames still hold it
        assert (
            process_untrusted_request(store.stores, run_id, OWN).outcome
            == store.tags(run_id)["inc.request"]
            == "promoted"
        )
        assert (store.versions(), store.champion()) == (["1"], "1")
        if survived:
            break
    assert fatal > 8


def test_nothing_moves_where_the_request_cannot_be_closed(store, requested):
    store.client.delete_run(requested)
    with pytest.raises(TrackingError, match="must be in the 'active' state"):
        process_untrusted_request(store.stores, requested, OWN)
    assert store.versions() == []


def test_all_requests_are_answered_oldest_first_and_one_that_cannot_be_stops_no_other(
    store, requested, measured
):
    measured.track(store.folder / "second", session="another")
    second = measured.request(store.folder / "second")
    foreign = ask(store, measured, session="a third", registered_model="theirs")
    store.client.create_registered_model("theirs")
    answers = list(process_open_requests(store.stores, None, OWN))
    assert [one.run_id for one in answers] == [requested, second, foreign]
    assert [one.outcome for one in answers] == ["promoted", "promoted", "open"]
    assert "inc-mlflow did not make it" in answers[2].reasons[0]
    assert store.versions() == ["1"]
    assert [one.run_id for one in process_open_requests(store.stores, "digits", OWN)] == [foreign]


def test_a_run_without_request_is_no_business_of_the_gate(store, measured):
    run_id = measured.track(store.folder).parent_run_id
    with pytest.raises(TrackingError, match=r"^run \w+: requests no promotion"):
        process_untrusted_request(store.stores, run_id, OWN)
    assert list(process_open_requests(store.stores, None, OWN)) == []
