"""`inc-mlflow promote`: what it prints and how it ends."""

import json
import shutil
from functools import partial

import pytest
import yaml

from inc_mlflow.errors import TrackingError
from inc_mlflow.pipelines.state import state_folder
from inc_mlflow.records import RequestRecord
from inc_mlflow.steps.prepare.check import check
from inc_mlflow.tracking.requests.requests import find_open_requests, mark_judged
from inc_mlflow.tracking.server.connection import connected


@pytest.fixture
def promote(call):
    return partial(call, "promote")


@pytest.fixture
def policy(tmp_path):
    def write(**limits):
        file = tmp_path / "policy.yaml"
        file.write_text(yaml.safe_dump({"version": 1, **limits}))
        return file

    return write


@pytest.mark.slow
def test_one_request_is_answered_with_its_reasons(promote, requested, measured):
    code, out, _ = promote("--run", requested)
    answer, _, protections = out.partition("Judged by the job's own gate\n")
    first, *reasons, alias = answer.splitlines()
    assert (code, first) == (0, f"promoted as digits version 1: {measured.judgement.best().recipe}")
    assert [line.strip() for line in reasons] == list(measured.judgement.reasons)
    assert alias == "  int8-champion is version 1"
    assert [line.split(",")[0].strip() for line in protections.splitlines()] == [
        "promotion by the gate alone: advisory",
        "accuracy: advisory",
        "speed: advisory",
        "the baseline: advisory",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("limits", "code", "outcome"),
    [
        ({}, 0, "promoted"),
        ({"min_speedup": 100.0}, 3, "rejected"),
        ({"max_relative_drop": 0.002}, 4, "inconclusive"),
    ],
)
def test_the_exit_code_is_the_answer(promote, requested, policy, limits, code, outcome):
    file = policy(**limits)
    found, out, _ = promote("--run", requested, "--policy", file, "--json")
    answer = json.loads(out)
    assert (found, answer["outcome"], answer["policy"]) == (code, outcome, str(file))
    assert promote("--run", requested)[0] == code


@pytest.mark.slow
def test_all_requests_are_one_line_each(promote, requested, measured, store):
    measured.track(store.folder / "second", session="another")
    second = measured.request(store.folder / "second")
    code, out, _ = promote("--requested", "--experiment", "digits")
    lines = out.splitlines()
    assert code == 0
    assert [line.partition(" ")[0] for line in lines] == [requested, second]
    assert lines[0].startswith(f"{requested} promoted as digits version 1: top1 drops by")
    assert find_open_requests(store.client, None) == []
    assert promote("--requested") == (0, "", "no request waits\n")
    assert json.loads(promote("--requested", "--json")[1]) == {"requests": []}


@pytest.mark.slow
def test_a_request_that_a_gate_died_of_waits_for_the_others(requested, measured, store):
    """A model that takes more memory than the gate has would stop all promotion otherwise."""
    measured.track(store.folder / "second", session="another")
    second = measured.request(store.folder / "second")
    assert find_open_requests(store.client, None) == [requested, second]
    mark_judged(store.client, requested, "a gate that ends here")
    assert find_open_requests(store.client, None) == [second, requested]


@pytest.mark.slow
def test_a_request_that_cannot_be_answered_is_told_and_the_exit_code_too(promote, requested, store):
    store.client.create_registered_model("digits")
    code, out, _ = promote("--requested")
    assert code == 2
    assert out.startswith(
        f"{requested} open: registered model 'digits': exists and has no ledger, inc-mlflow did not make it"
    )
    assert promote("--run", requested)[0] == 2
    assert find_open_requests(store.client, None) == [requested]


@pytest.mark.slow
def test_a_run_that_is_not_there_is_one_line(promote, store):
    code, out, err = promote("--run", "0" * 32)
    assert (code, out) == (2, "")
    assert [
        line for line in err.splitlines() if line.startswith("inc-mlflow: MLflow at sqlite")
    ] == err.splitlines()[-1:]


@pytest.mark.slow
def test_an_experiment_that_is_not_there_is_one_line(promote, store):
    assert promote("--requested", "--experiment", "digitz")[2].startswith(
        "inc-mlflow: experiment 'digitz': is not on the server"
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ([], "promote: give one of --run, --job, --model, --requested and --adopt"),
        (
            ["--run", "r", "--requested"],
            "promote: give one of --run, --job, --model, --requested and --adopt",
        ),
        (["--run", "r", "--experiment", "e"], "--experiment: is for --requested; a run is in one already"),
        (["--requested"], "MLflow: no server is named; give --tracking-uri, or set MLFLOW_TRACKING_URI"),
        (
            ["--requested", "--tracking-uri", "http://127.0.0.1:9"],
            "MLflow at http://127.0.0.1:9: cannot be reached",
        ),
        (
            ["--requested", "--tracking-uri", "http://me:hunter2@host"],
            "MLflow at http://…@host: no user or password in the",
        ),
        (
            ["--requested", "--tracking-uri", "http://me:hunt/r2@host"],
            "MLflow at http://…@host: no URL (Port could not",
        ),
        (
            ["--requested", "--tracking-uri", "mysql+pymysql://me:hunter2@h/d"],
            "MLflow at mysql+pymysql://…@h/d: no database to be reached",
        ),
        (
            ["--requested", "--tracking-uri", "postgresql://me:hunter2@h:port/d"],
            "MLflow at postgresql://…@h:port/d: no database",
        ),
        (
            ["--requested", "--tracking-uri", "http://host:port"],
            "MLflow at http://host:port: no URL (Port could not be cast",
        ),
    ],
)
def test_what_is_wrong_is_one_line(promote, arguments, line):
    code, out, err = promote(*arguments)
    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert err.startswith(f"inc-mlflow: {line}")


def test_a_password_in_what_the_server_says_is_not_repeated(store):
    from requests import RequestException

    with (
        pytest.raises(TrackingError, match=r"no answer from postgresql://…@host/db, s3://bucket/a@b$"),
        connected(store.stores),
    ):
        raise RequestException("no answer from postgresql://me:hunter2@host/db, s3://bucket/a@b")


def test_a_wrong_policy_answers_nothing(promote, policy, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    code, _, err = promote("--requested", "--policy", policy(min_speedup=-1.0))
    assert code == 2
    assert "policy.yaml: min_speedup" in err


@pytest.mark.slow
def test_a_candidate_is_asked_for_by_its_logged_model(promote, requested, measured, store):
    models = RequestRecord.load(store.folder / "request").models
    best, worse = (models[row.sha256] for row in measured.judgement.table[1:])
    code, _, err = promote("--model", worse)
    assert code == 2
    best_recipe = measured.judgement.best().recipe
    assert err.endswith(f"run {requested} requests {best_recipe}, which is better; promote that run\n")
    assert promote("--model", f"models:/{best}")[0] == 0
    assert store.champion() == "1"


@pytest.mark.slow
def test_a_finished_job_is_asked_for_by_its_file(promote, measured, store, tmp_path):
    job = measured.job
    state = state_folder(job, check(job).facts, "int8")
    for step in ("champion", "judgement"):
        shutil.copytree(measured / step, state / step)
    code, _, err = promote("--job", measured / "job.yaml")
    assert (code, "the job's tracking is not there; finish it with `inc-mlflow run`" in err) == (2, True)
    measured.track(state)
    assert promote("--job", measured / "job.yaml")[0] == 0
    assert store.champion() == "1"
    shutil.rmtree(state)
