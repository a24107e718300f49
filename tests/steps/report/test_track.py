"""What a job leaves in MLflow: evidence that somebody else can judge again, in runs that are its own to
end."""

import shutil

import pytest

from inc_mlflow.errors import TrackingError
from inc_mlflow.files import sha256_text
from inc_mlflow.measure.gate.measurements import evidence_files
from inc_mlflow.records import CandidatesRecord, EvaluationRecord, JudgementRecord
from inc_mlflow.steps.judge.request import request_promotion
from inc_mlflow.steps.report.track import track
from inc_mlflow.steps.standalone.gate import judge_records
from inc_mlflow.tracking.registry.versions import model_id_of_digest

pytestmark = pytest.mark.slow


def test_the_evidence_is_whole_and_gives_the_same_judgement(store, measured):
    logged = measured.track(store.folder)
    folder = store.file(logged.parent_run_id, "evidence")
    again = judge_records([folder], measured.job.spec.gate)
    assert again["verdict"] == measured.judgement.verdict == "pass"
    assert [row["sha256"] for row in again["table"]] == [row.sha256 for row in measured.judgement.table]
    assert (folder / "job.json").read_text() == measured.job.spec.to_text()
    assert JudgementRecord.load(folder / "judgement") == measured.judgement
    params = store.run(logged.parent_run_id).data.params
    assert params["inc.job_sha256"] == sha256_text(measured.job.spec.to_text())
    assert set(logged.evidence) == {
        str(file.relative_to(folder)) for file in folder.rglob("*.*") if file.is_file()
    }


def test_emulated_pools_are_part_of_the_evidence_of_theirs(measured, tmp_path):
    folder = shutil.copytree(measured / "evaluation", tmp_path / "evaluation")
    EvaluationRecord.load(folder).model_copy(update={"emulated": {"x86-avx2": "i"}}).save(folder)
    assert sorted(evidence_files([folder])) == [
        "evaluation-local/outcomes.npz", "evaluation-local/record.json",
        "evaluation-local/x86-avx2/outcomes.npz", "evaluation-local/x86-avx2/record.json",
    ]  # fmt: skip


def test_models_are_taken_from_where_this_machine_has_them(store, measured, tmp_path):
    """A judgement of another pod names paths that are not here."""
    judged = measured.judgement
    table = tuple(row.model_copy(update={"path": "/nowhere/model.onnx"}) for row in judged.table)
    judged.model_copy(update={"table": table}).save(tmp_path / "judgement")
    logged = measured.track(tmp_path, judgement=tmp_path / "judgement")
    made = CandidatesRecord.load(measured / "candidates").candidates
    assert set(logged.models) == {judged.table[0].sha256, *(one.sha256 for one in made)}


def test_the_champion_is_not_logged_again_and_keeps_the_numbers_of_its_own_run(store, measured, tmp_path):
    first = measured.track(tmp_path / "first")
    best = measured.judgement.best()
    store.promote(best.sha256, first.models[best.sha256])
    before = store.client.get_logged_model(first.models[best.sha256]).metrics
    rest = CandidatesRecord.load(measured / "candidates")
    candidates = shutil.copytree(measured / "candidates", tmp_path / "candidates")
    others = tuple(one for one in rest.candidates if one.sha256 != best.sha256)
    rest.model_copy(update={"candidates": others}).save(candidates)

    later = measured.track(tmp_path / "later", session="another", candidates=candidates)
    assert (
        later.models[best.sha256]
        == first.models[best.sha256]
        == model_id_of_digest(store.client, "digits", best.sha256)
    )
    assert later.runs[best.sha256] != first.runs[best.sha256]
    assert "speedup" in store.run(later.runs[best.sha256]).data.metrics
    assert store.client.get_logged_model(first.models[best.sha256]).metrics == before


@pytest.fixture
def plugin(store, monkeypatch) -> str:
    """A run that Kubeflow's MLflow plugin opened for a task, in an experiment of its own."""
    run = store.client.create_run(store.client.create_experiment("kubeflow"), run_name="track")
    monkeypatch.setenv("MLFLOW_RUN_ID", run.info.run_id)
    return str(run.info.run_id)


def test_a_run_that_somebody_opened_is_the_parent_and_stays_open(store, measured, plugin):
    logged = measured.track(store.folder)
    assert logged.parent_run_id == plugin
    experiment = store.run(plugin).info.experiment_id
    assert logged.experiment_id == experiment
    runs = store.client.search_runs([one.experiment_id for one in store.client.search_experiments()])
    children = {run.info.run_id for run in runs if run.data.tags.get("mlflow.parentRunId") == plugin}
    assert {run.info.run_id for run in runs} == {plugin, *children}
    assert set(logged.runs.values()) < children
    assert {run.info.experiment_id for run in runs} == {experiment}
    given = store.run(plugin)
    assert (given.info.status, given.info.run_name) == ("RUNNING", "track")
    assert (given.data.tags["inc.session"], given.data.tags["inc.verdict"]) == ("the-session", "pass")
    assert store.file(plugin, "evidence/job.json").is_file()


def test_a_retry_in_a_run_that_somebody_opened_makes_no_second_child(
    store, measured, plugin, monkeypatch, tmp_path
):
    first = measured.track(tmp_path / "first")
    monkeypatch.setenv("MLFLOW_RUN_ID", plugin)  # MLflow forgets it, but a retry is another pod
    again = measured.track(tmp_path / "again")
    assert (again.runs, again.models, again.parent_run_id) == (first.runs, first.models, plugin)


def test_the_parent_run_carries_session_and_verdict(store, measured):
    tags = store.tags(measured.track(store.folder).parent_run_id)
    assert (tags["inc.session"], tags["inc.verdict"], tags["inc.role"]) == ("the-session", "pass", "job")


def test_a_second_request_of_the_same_run_changes_nothing(store, requested, measured, tmp_path):
    store.client.set_tag(requested, "inc.request", "promoted")
    before = store.tags(requested), store.file(requested, "request.json").read_bytes()
    assert measured.request(store.folder) == requested
    assert (store.tags(requested), store.file(requested, "request.json").read_bytes()) == before


def test_a_run_requests_one_promotion_only(store, requested, measured, tmp_path):
    champion = measured.champion(tmp_path / "champion", version="7")
    steps = {"champion": champion, "judgement": measured / "judgement", "tracking": store.folder / "tracking"}
    with pytest.raises(
        TrackingError, match=r"requests another promotion already; start a new run of the pipeline$"
    ):
        request_promotion(measured.job, tmp_path / "request", **steps)


@pytest.mark.parametrize("verdict", ["fail", "inconclusive"])
def test_what_did_not_pass_is_not_requested(store, measured, tmp_path, verdict):
    run_id = measured.track(store.folder).parent_run_id
    measured.judgement.model_copy(update={"verdict": verdict}).save(tmp_path / "judgement")
    steps = {
        "champion": measured / "champion",
        "judgement": tmp_path / "judgement",
        "tracking": store.folder / "tracking",
    }
    with pytest.raises(TrackingError, match=rf"^promote: the verdict is {verdict}, only pass is promoted$"):
        request_promotion(measured.job, tmp_path / "request", **steps)
    assert "inc.request" not in store.tags(run_id)


def test_a_request_never_touches_the_registry(store, requested):
    assert store.client.search_registered_models() == []


def test_nothing_is_logged_under_a_session_that_kubeflow_did_not_fill_in(store, measured, tmp_path):
    steps = measured.of("baseline", "candidates", "judgement")
    records = [measured / "evaluation", measured / "benchmark"]
    with pytest.raises(
        TrackingError, match=r"^session: this Kubeflow does not fill in \{\{\$\.pipeline_job_uuid\}\}"
    ):
        track(
            measured.job, tmp_path / "tracking", **steps, records=records, session="{{$.pipeline_job_uuid}}"
        )
    assert [one.name for one in store.client.search_experiments()] == ["Default"]
