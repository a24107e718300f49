"""What a gate fetches of a run: nothing that would fill its disk or its memory, whoever wrote it."""

import pytest

from inc_mlflow.errors import DataError
from inc_mlflow.files import sha256_file, sha256_text
from inc_mlflow.promotion.process_request import process_open_requests
from inc_mlflow.promotion.review import Policy
from inc_mlflow.records import RequestRecord
from inc_mlflow.tracking.requests.requests import write_request
from inc_mlflow.tracking.runs import artifacts
from inc_mlflow.tracking.runs.artifacts import fetch_artifact, fetch_evidence

FILES = {"record.json": 1000, "outcomes.npz": 2000}
pytestmark = pytest.mark.slow


@pytest.fixture
def run(store, tmp_path):
    """A run with a text of 1,000 bytes and raw measurements of 2,000."""
    run_id = store.client.create_run(store.client.create_experiment("artifacts")).info.run_id
    for name, size in FILES.items():
        file = tmp_path / "evaluation" / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(bytes(size))
    store.client.log_artifacts(run_id, tmp_path / "evaluation", "evidence/evaluation")
    store.client.log_artifact(run_id, tmp_path / "evaluation" / "record.json")
    return run_id


def test_evidence_of_the_usual_size_is_fetched(store, run, tmp_path):
    expected = {f"evaluation/{file.name}": sha256_file(file) for file in (tmp_path / "evaluation").iterdir()}
    folder = fetch_evidence(store.client, run, expected, tmp_path)
    assert {str(file.relative_to(folder)) for file in folder.rglob("*.*")} == set(expected)


@pytest.mark.parametrize(
    ("limit", "size", "what"),
    [
        ("_LARGEST_TEXT", 999, "evidence/evaluation/record.json"),
        ("_LARGEST_RAW", 2999, "the files below evidence"),
    ],
)
def test_evidence_beyond_all_measure_is_not_even_fetched(
    store, run, tmp_path, monkeypatch, limit, size, what
):
    monkeypatch.setattr(artifacts, limit, size)
    target = tmp_path / "fetched"
    with pytest.raises(DataError, match=f"^run {run}: {what} are larger than inc-mlflow writes them"):
        fetch_evidence(store.client, run, {}, target)
    assert not target.exists()


def test_a_request_beyond_all_measure_is_not_even_fetched(store, run, tmp_path, monkeypatch):
    monkeypatch.setattr(artifacts, "_LARGEST_TEXT", 999)
    with pytest.raises(DataError, match=r"record\.json are larger"):
        fetch_artifact(store.client, run, "record.json", tmp_path / "fetched")


def test_a_request_without_evidence_keeps_the_gate_from_no_other(store, run, measured):
    """Of the smallest there is: one file, and not the job's text. It comes first, being older."""
    expected = {f"evaluation/{name}": sha256_text("\0" * size) for name, size in FILES.items()}
    fields = {
        "recipe": "none",
        "sha256": "0" * 64,
        "measured_against": None,
        "policy_sha256": "none",
        "models": {},
    }
    write_request(
        store.client, RequestRecord(registered_model="digits", run_id=run, evidence=expected, **fields)
    )
    measured.track(store.folder)
    honest = measured.request(store.folder)
    answers = {one.run_id: one for one in process_open_requests(store.stores, None, Policy())}
    assert list(answers) == [run, honest]
    assert answers[run].reasons == ("gate: the evidence has no readable job.json; run the job again",)
    assert (answers[run].outcome, answers[honest].outcome) == ("rejected", "promoted")
